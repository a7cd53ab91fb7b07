/** One fuzzed input: made from the seed and its number, read by the package as a user would, and what came of it. */
import { FORMATS } from './formats.mjs';
import { Random } from './mutate.mjs';

/** Tensors larger than this are opened but not read. */
const READ_BYTES = 2 ** 24;

/** The damaged file of a number, and those beside it. */
export function makeInput(format, seed, number) {
  const { seeds, damage, beside } = FORMATS[format];
  const random = new Random(seed, number);
  const bytes = damage(random, random.pick(seeds));
  return { bytes, beside: beside?.(random) };
}

/** The sound files of a format, each always with the same ones beside it. */
export function soundInputs(format) {
  const { seeds, beside } = FORMATS[format];
  return seeds.map((bytes) => ({ bytes, beside: beside?.(new Random(0, 0)) }));
}

/**
 * Opens a file, reads its tensors, looks for a net in it.
 * @returns `read`, or the code of the VggError that refused it.
 * @throws anything else: a defect.
 */
export async function readInput({ openWeights, bytesOf, recogniseNet, DTYPE_BYTES }, { bytes, beside }) {
  try {
    const source = await openWeights(bytesOf(bytes, 'file', beside));
    try {
      for (const [name, { dtype, shape }] of source.tensors) {
        const size = shape.reduce((product, side) => product * side, DTYPE_BYTES[dtype]);
        if (size <= READ_BYTES) await source.read(name);
      }
    } finally {
      await source.close();
    }
    recogniseNet(source);
    return 'read';
  } catch (error) {
    const proper = error?.name === 'VggError' && ['VGG_WEIGHTS', 'VGG_IO'].includes(error.code);
    if (!proper || /[\r\n]/.test(error.message) || error.message.length > 2000) throw error;
    return error.message.includes('whose names are known') ? 'read' : error.code;
  }
}
