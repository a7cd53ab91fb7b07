export { cacheFolder } from './node/cache';
export { type DownloadOptions, type DownloadProgress, download, type ExpectedHash } from './node/download';
export { fileError, systemCode, systemReason } from './node/system';
