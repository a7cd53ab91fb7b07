export { checkFreezing, extrasOf, initialiserOf, netOptions, optimiserOf, scheduleOf } from './build';
export { formatRecipe, parseRecipe, type RecipeFile, readRecipe, recipeFor, recipeNames, recipePath } from './file';
export { integer, type Kind, layerFactors, listOf, oneOf, scaleList, timeSpan } from './kinds';
export { checkArguments, headFor, type Recipe, resolveRecipe } from './recipe';
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
export { PRECLUDING, type SmallSettings, smallSettings } from './small';
