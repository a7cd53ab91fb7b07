/**
 * Decodes baseline JPEG (ITU-T T.81) only where a crop needs it: reads every symbol up to the last row that is needed, but
 * transforms, upsamples and converts only the blocks of the window. The pixels are bit for bit those of libjpeg with its
 * accurate integer inverse DCT, its triangle ("fancy") chroma upsampling and its fixed-point colour conversion.
 *
 * The caller (src/node/baseline.ts) reads the headers and fills the tables of src/node/memory-layout.ts.
 */
export { convert } from './colour';
export { lookUp, resamplePillow } from './pillow';
export { resample } from './resample';
export { decodeScan, makeHuffman } from './scan';
