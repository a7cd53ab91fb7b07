/** One fuzzed input: it is made from a seed and its number, and read by the package as by a user. */
import { FORMATS } from './formats.mjs';
import { Random } from './mutate.mjs';

/** Largest tensor that is read, in bytes. Larger ones are only opened. */
const READ_BYTES = 2 ** 24;

/** Makes the damaged file of a number, and the files next to it. */
export function makeInput(format, seed, number) {
  const { seeds, damage, siblings } = FORMATS[format];
  const random = new Random(seed, number);
  const bytes = damage(random, random.pick(seeds));
  return { bytes, siblings: siblings?.(random) };
}

/** Returns the undamaged files of a format, each always with the same files next to it. */
export function soundInputs(format) {
  const { seeds, siblings } = FORMATS[format];
  return seeds.map((bytes) => ({ bytes, siblings: siblings?.(new Random(0, 0)) }));
}

/**
 * Opens a file, reads its tensors and looks for a net in it.
 * @returns `read`, or the code of the VggError that refused it.
 * @throws anything else: a defect.
 */
export async function readInput({ openWeights, bytesOf, recogniseNet, DTYPE_BYTES }, { bytes, siblings }) {
  try {
    const source = await openWeights(bytesOf(bytes, 'file', siblings));
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
