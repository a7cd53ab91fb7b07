export { isTemporaryFile, writeFileAtomically } from './node/atomic';
export { cacheFolder } from './node/cache';
export { type DownloadOptions, type DownloadProgress, download, type ExpectedHash } from './node/download';
export { FileLock, type LockHolder } from './node/file-lock';
export { sha256File } from './node/hash';
export { type Interruption, listenForInterruption } from './node/interruption';
export { localPath } from './node/local-path';
export { isProcessAlive } from './node/process';
export { fileError, systemCode, systemReason } from './node/system';
