export { checkFreezing, extrasOf, initialiserOf, netOptions, optimiserOf, scheduleOf } from './build';
export { checkArguments, checkCombinations, headFor, type Recipe, resolveRecipe } from './recipe';
export { PRECLUDING, type SmallSettings, smallSettings } from './small';
export { smokeSettings } from './smoke';
export * from './table';
