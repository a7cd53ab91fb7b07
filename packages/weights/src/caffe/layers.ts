/**
 * The layers of a NetParameter, in today's messages or those of 2014, in which the nets of the paper were published. Field
 * numbers: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
 */
import { rowRange, type StoredTensor } from '../sources/source';
import { type Blob, readBlob, unpadded } from './blobs';
import type { Field, Messages } from './fields';

/** What of a layer's parameters says how its blobs are used: the numbers of the fields. */
interface ParameterFields {
  readonly biasTerm?: number;
  readonly epsilon?: number;
}

interface LayerFields {
  readonly name: number;
  readonly type: number;
  readonly bottom: number;
  readonly top: number;
  readonly blobs: number;
  readonly parameters: Readonly<Record<number, ParameterFields>>;
  /** Types by number, where they are an enumeration. */
  readonly types?: Readonly<Record<number, string>>;
}

const PRODUCT: ParameterFields = { biasTerm: 2 };

/** NetParameter's two lists of layers. */
const LAYERS: Readonly<Record<number, LayerFields>> = {
  /** V1LayerParameter, which is older than batch norm. */
  2: {
    ...{ name: 4, type: 5, bottom: 2, top: 3, blobs: 6 },
    parameters: { 10: PRODUCT, 17: PRODUCT },
    types: { 4: 'Convolution', 14: 'InnerProduct' },
  },
  /** LayerParameter. */
  100: {
    ...{ name: 1, type: 2, bottom: 3, top: 4, blobs: 7 },
    parameters: { 106: PRODUCT, 117: PRODUCT, 139: { epsilon: 3 }, 142: { biasTerm: 4 } },
  },
};

export interface CaffeLayer {
  readonly name: string;
  /** `Convolution`, as today's messages call it. */
  readonly type: string;
  /** Whose outputs it takes, and what its own are called: its input's name, where it works in place. */
  readonly bottoms: readonly string[];
  readonly tops: readonly string[];
  readonly blobs: readonly StoredTensor[];
  /** Whether the last of its blobs is a bias. */
  readonly biasTerm: boolean;
  /** What a batch norm adds to the variance. */
  readonly epsilon: number;
}

async function readParameters(messages: Messages, extent: Field, fields: ParameterFields) {
  const found: { biasTerm?: boolean; epsilon?: number } = {};
  for await (const field of messages.fields(messages.message(extent))) {
    if (field.number === fields.biasTerm) found.biasTerm = (await messages.integer(field)) !== 0;
    else if (field.number === fields.epsilon) {
      found.epsilon = await messages.float(field);
      if (!(found.epsilon >= 0 && found.epsilon < 1e6)) throw messages.corrupt(`an epsilon of ${found.epsilon}`);
    }
  }
  return found;
}

function stored(messages: Messages, blob: Blob, shape: readonly number[]): StoredTensor {
  const { dtype, data } = blob;
  const read: StoredTensor['read'] = (rows) => {
    const { begin, length } = rowRange({ dtype, shape }, rows);
    return messages.read({ begin: data.begin + begin, end: data.begin + begin + length });
  };
  return { dtype, shape, read };
}

async function readLayer(messages: Messages, extent: Field, fields: LayerFields): Promise<CaffeLayer> {
  const [bottoms, tops, blobs]: [string[], string[], Blob[]] = [[], [], []];
  let [name, type, parameters]: [string, string, Awaited<ReturnType<typeof readParameters>>] = ['', '', {}];
  for await (const field of messages.fields(extent)) {
    const parameter = fields.parameters[field.number];
    if (field.number === fields.name) name = await messages.text(field);
    else if (field.number === fields.bottom) bottoms.push(await messages.text(field));
    else if (field.number === fields.top) tops.push(await messages.text(field));
    else if (field.number === fields.blobs) blobs.push(await readBlob(messages, messages.message(field)));
    else if (parameter !== undefined) {
      parameters = { ...parameters, ...(await readParameters(messages, field, parameter)) };
    } else if (field.number === fields.type) {
      type = fields.types ? (fields.types[await messages.integer(field)] ?? '') : await messages.text(field);
    }
  }
  const shapes = blobs.map((blob, i) => unpadded(blob, i, type));
  return {
    ...{ name, type, bottoms, tops },
    blobs: blobs.map((blob, i) => stored(messages, blob, shapes[i]!)),
    // The defaults of caffe.proto.
    ...{ biasTerm: type !== 'Scale', epsilon: 1e-5, ...parameters },
  };
}

/**
 * The layers of a net, in the file's order.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged or hostile.
 */
export async function readLayers(messages: Messages, size: number): Promise<CaffeLayer[]> {
  const layers: CaffeLayer[] = [];
  for await (const field of messages.fields({ begin: 0, end: size })) {
    const fields = LAYERS[field.number];
    if (fields !== undefined) layers.push(await readLayer(messages, messages.message(field), fields));
  }
  return layers;
}
