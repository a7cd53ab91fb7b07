export { describeEngine, ENGINE_NAMES, type Engine, type EngineName, startEngine } from './engine';
export { shareMachine } from './share-machine';
