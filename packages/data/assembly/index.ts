/**
 * Baseline JPEG (ITU-T T.81) decoded only where a crop needs it: every symbol up to the last needed row is read, but only the
 * blocks of the window are transformed, upsampled and converted. Bit for bit libjpeg's results: its accurate integer inverse
 * DCT, its triangle ("fancy") chroma upsampling and its fixed-point colour conversion.
 *
 * The caller parses the headers and fills the tables below; see src/node/baseline.ts.
 */
export { convert } from './colour';
export { resample } from './resample';
export { decodeScan, makeHuffman } from './scan';
