export { joinJob, type MpiCommunicator, type MpiOptions } from './communicator';
export { type LaunchOptions, launch, relaunch } from './launch';
export { findLauncher, type Launcher, type MpiLibrary } from './launcher';
export { builtLibraries } from './load';
