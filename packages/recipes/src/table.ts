/** The settings and recipe files without what they describe: a command line that only parses loads no more. */
export { formatRecipe, parseRecipe, type RecipeFile, readRecipe, recipeFor, recipeNames, recipePath } from './file';
export { integer, type Kind, layerFactors, listOf, oneOf, scaleList, timeSpan } from './kinds';
export {
  GROUPS,
  SETTING_NAMES,
  SETTINGS,
  SETTINGS_OFF,
  type Setting,
  type SettingName,
  type Settings,
  type SettingValue,
  settingOf,
  withDefaults,
} from './settings';
