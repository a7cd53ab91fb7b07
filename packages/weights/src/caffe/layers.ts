/**
 * Reader of the layers of a NetParameter, in today's messages or those of 2014, the format of the paper's published nets.
 * Field numbers: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
 */
import type { Field, Messages } from '../sources/protobuf';
import { rowRange, type StoredTensor } from '../sources/source';
import { type Blob, readBlob, unpaddedShape } from './blobs';

/** Field numbers of the parameters that determine the use of a layer's blobs. */
interface ParameterFields {
  readonly biasTerm?: number;
  readonly epsilon?: number;
}

/** Field numbers of a layer's message. */
interface LayerFields {
  readonly name: number;
  readonly type: number;
  readonly bottom: number;
  readonly top: number;
  readonly blobs: number;
  /** Parameters by their field number. */
  readonly parameters: Readonly<Record<number, ParameterFields>>;
  /** Types by number, if the message has an enumeration instead of names. */
  readonly types?: Readonly<Record<number, string>>;
}

const PRODUCT: ParameterFields = { biasTerm: 2 };

/** Messages of the two lists of layers in NetParameter, by field number. */
const LAYERS: Readonly<Record<number, LayerFields>> = {
  /** V1LayerParameter, which is older than batch norm. */
  2: {
    name: 4,
    type: 5,
    bottom: 2,
    top: 3,
    blobs: 6,
    parameters: { 10: PRODUCT, 17: PRODUCT },
    types: { 4: 'Convolution', 14: 'InnerProduct' },
  },
  /** LayerParameter. */
  100: {
    name: 1,
    type: 2,
    bottom: 3,
    top: 4,
    blobs: 7,
    parameters: { 106: PRODUCT, 117: PRODUCT, 139: { epsilon: 3 }, 142: { biasTerm: 4 } },
  },
};

/** Layer of a Caffe net. */
export interface CaffeLayer {
  readonly name: string;
  /** Type in today's messages: `Convolution`. */
  readonly type: string;
  /** Names of its inputs. */
  readonly bottoms: readonly string[];
  /** Names of its outputs: the name of the input if the layer works in place. */
  readonly tops: readonly string[];
  readonly blobs: readonly StoredTensor[];
  /** True if the last of its blobs is a bias. */
  readonly biasTerm: boolean;
  /** Number that a batch norm adds to the variance. */
  readonly epsilon: number;
}

/** Parameters of a layer; undefined if the file does not have them. */
interface Parameters {
  readonly biasTerm: boolean | undefined;
  readonly epsilon: number | undefined;
}

async function readParameters(messages: Messages, extent: Field, fields: ParameterFields): Promise<Parameters> {
  let biasTerm: boolean | undefined;
  let epsilon: number | undefined;
  for await (const field of messages.fields(messages.message(extent))) {
    if (field.number === fields.biasTerm) biasTerm = (await messages.integer(field)) !== 0;
    else if (field.number === fields.epsilon) {
      epsilon = await messages.float(field);
      if (!(epsilon >= 0 && epsilon < 1e6)) throw messages.corrupt(`an epsilon of ${epsilon}`);
    }
  }
  return { biasTerm, epsilon };
}

function storedTensor(messages: Messages, blob: Blob, shape: readonly number[]): StoredTensor {
  const { dtype, data } = blob;
  const read: StoredTensor['read'] = (rows) => {
    const { begin, length } = rowRange({ dtype, shape }, rows);
    return messages.read({ begin: data.begin + begin, end: data.begin + begin + length });
  };
  return { dtype, shape, read };
}

async function readLayer(messages: Messages, extent: Field, fields: LayerFields): Promise<CaffeLayer> {
  const bottoms: string[] = [];
  const tops: string[] = [];
  const blobs: Blob[] = [];
  let name = '';
  let type = '';
  let biasTerm: boolean | undefined;
  let epsilon: number | undefined;
  for await (const field of messages.fields(extent)) {
    const parameter = fields.parameters[field.number];
    if (field.number === fields.name) name = await messages.text(field);
    else if (field.number === fields.bottom) bottoms.push(await messages.text(field));
    else if (field.number === fields.top) tops.push(await messages.text(field));
    else if (field.number === fields.blobs) blobs.push(await readBlob(messages, messages.message(field)));
    else if (parameter !== undefined) {
      const parameters = await readParameters(messages, field, parameter);
      biasTerm = parameters.biasTerm ?? biasTerm;
      epsilon = parameters.epsilon ?? epsilon;
    } else if (field.number === fields.type) {
      type = fields.types ? (fields.types[await messages.integer(field)] ?? '') : await messages.text(field);
    }
  }
  return {
    name,
    type,
    bottoms,
    tops,
    blobs: blobs.map((blob, i) => storedTensor(messages, blob, unpaddedShape(blob, i, type))),
    // The defaults of caffe.proto.
    biasTerm: biasTerm ?? type !== 'Scale',
    epsilon: epsilon ?? 1e-5,
  };
}

/**
 * Reads the layers of a net, in the file's order.
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
