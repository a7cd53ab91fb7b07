/** Formats that are fuzzed: undamaged files to start from, and damage that knows the format or does not. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { damage, damageText, splice } from './mutate.mjs';
import { unzip, zip } from './zip.mjs';

const SEEDS = new URL('seeds/', import.meta.url);
const WEIGHTS_FIXTURES = new URL('../../packages/weights/test/fixtures/', import.meta.url);

function seeds(folder, ending) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => new Uint8Array(readFileSync(new URL(name, folder))));
}

const FRAMEWORKS = new URL('frameworks/', WEIGHTS_FIXTURES);

const ONNX = new URL('onnx/', WEIGHTS_FIXTURES);
const ONNX_DATA = seeds(ONNX, '.data');

/** Damages the bytes near a name or a place of the graph in three cases of four: most of a file is numbers. */
function damageOnnx(random, bytes) {
  if (random.chance(1, 4)) return damage(random, bytes);
  const marks = ['Conv', 'Gemm', 'weight', 'location', 'kernel_shape', 'Constant', 'Identity', 'input'];
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(
    random.pick(marks),
    random.below(bytes.length),
  );
  const begin = Math.max(0, at - 40);
  const end = Math.min(bytes.length, begin + 80);
  return splice(bytes, begin, end - begin, damage(random, bytes.subarray(begin, end)));
}

/** Reads the files of HDF5, which are kept compressed. Their structure lies in their first kilobytes. */
function hdf5Seeds() {
  return readdirSync(FRAMEWORKS)
    .filter((name) => name.endsWith('.h5.gz'))
    .sort()
    .map((name) => new Uint8Array(gunzipSync(readFileSync(new URL(name, FRAMEWORKS)))));
}

/** Reads the shards of a TF.js model, by name. */
function shards(name) {
  const folder = new URL(`${name}/`, FRAMEWORKS);
  const names = readdirSync(folder).filter((file) => file.endsWith('.bin'));
  return new Map(names.map((file) => [file, new Uint8Array(readFileSync(new URL(file, folder)))]));
}

/** Damages the first kilobyte in one case of four: it holds most of the structure. */
function damageAhead(random, bytes) {
  if (random.chance(3, 4) || bytes.length < 1024) return damage(random, bytes);
  return splice(bytes, 0, 1024, damage(random, bytes.subarray(0, 1024)));
}

function text(bytes) {
  return new TextDecoder().decode(bytes);
}

function encoded(value) {
  return new TextEncoder().encode(value);
}

/** Changes the text of the header. Its length stays right. */
function damageHeader(random, bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = encoded(damageText(random, text(bytes.subarray(8, 8 + length))));
  const out = splice(bytes, 8, length, header);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  return out;
}

/** Opcodes of pickles. Those that call and those that repeat occur more often. */
const OPCODES = encoded(
  '(.0122FIJKLMNPQRSTUVXabcdeghijlopqrstu}])\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x90\x91\x92\x93\x94\x95RRRcccbb22hhtt',
);
const SNIPPETS = [
  'cos\nsystem\n',
  'cbuiltins\neval\n',
  "X\x0f\x00\x00\x00__import__('os')\x85R",
  'ctorch._utils\n_rebuild_tensor_v2\n',
  'ctorch\nFloatStorage\n',
  'ccollections\nOrderedDict\n)R',
  '((((((((((((((((',
  '22222222tttttttt',
  'K\x00K\x02\x86K\x02K\x01\x86',
].map((snippet) => Uint8Array.from(snippet, (character) => character.charCodeAt(0)));

function damagePickle(random, bytes) {
  const at = random.below(bytes.length + 1);
  switch (random.below(5)) {
    case 0:
      return splice(bytes, at, Math.min(1, bytes.length - at), Uint8Array.of(random.pick(OPCODES)));
    case 1:
      return splice(
        bytes,
        at,
        0,
        Uint8Array.from({ length: 1 + random.below(20) }, () => random.pick(OPCODES)),
      );
    case 2:
      return splice(bytes, at, 0, random.pick(SNIPPETS));
    default:
      return damage(random, bytes);
  }
}

/** Returns an archive with the bytes, name or header of one member changed. Its structure is valid. */
function damageMember(random, bytes, change) {
  const members = unzip(bytes);
  const one = random.pick(members);
  const deflate = random.chance(1, 4);
  const changed = members.map((member) => (member === one ? { ...member, bytes: change(member), deflate } : member));
  const target = random.pick(changed);
  switch (random.below(12)) {
    case 0:
      target.name = random.pick(['../up', '/root', 'a\\..\\b', '', random.pick(members).name, `${target.name}/`]);
      break;
    case 1:
      target.claim = random.pick([0, 1, 2 ** 31, 2 ** 32 - 1, target.bytes.length + 1]);
      break;
    case 2:
      target.method = random.below(16);
      break;
    case 3:
      changed.splice(random.below(changed.length), 1);
  }
  return zip(changed);
}

/** Changes the text of the `.npy` header, or any byte of the array. */
function damageArray(random, bytes) {
  if (random.chance(1, 2)) return damage(random, bytes);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const header = encoded(damageText(random, text(bytes.subarray(10, 10 + length))).padEnd(length, ' '));
  const out = splice(bytes, 10, length, header);
  new DataView(out.buffer).setUint16(8, header.length, true);
  return out;
}

const REFERENCE = new Uint8Array(readFileSync(new URL('reference.safetensors', WEIGHTS_FIXTURES)));

/** Files of a set of shards: an index, and a shard next to it. */
const SHARDED = {
  index: encoded(
    JSON.stringify({
      metadata: { total_size: 0 },
      weight_map: Object.fromEntries(
        Object.keys(
          JSON.parse(text(REFERENCE.subarray(8, 8 + Number(new DataView(REFERENCE.buffer).getBigUint64(0, true))))),
        )
          .filter((name) => name !== '__metadata__')
          .map((name) => [name, 'a.safetensors']),
      ),
    }),
  ),
  siblings: new Map([['a.safetensors', REFERENCE]]),
};

/** TF.js models: two manifests, and the shards of both next to them. */
const TFJS = {
  models: [
    new Uint8Array(readFileSync(new URL('tfjs-uint8/model.json', FRAMEWORKS))),
    encoded(
      JSON.stringify({
        format: 'layers-model',
        userDefinedMetadata: { 'vgg.classes': '["a"]' },
        weightsManifest: [
          {
            paths: ['a.bin', 'b.bin'],
            weights: [
              { name: 'block1_conv1/kernel', shape: [1, 1, 3, 2], dtype: 'float32' },
              { name: 'block1_conv1/bias', shape: [2], dtype: 'float32', quantization: { dtype: 'float16' } },
              { name: 'u8', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.5, min: -1 } },
              { name: 'u16', shape: [2], dtype: 'float32', quantization: { dtype: 'uint16', scale: 0.1, min: 0 } },
            ],
          },
        ],
      }),
    ),
  ],
  shards: new Map([...shards('tfjs-uint8'), ['a.bin', new Uint8Array(20)], ['b.bin', new Uint8Array(15)]]),
};

/**
 * Formats by name. `seeds` are undamaged files, `damage(random, seed)` returns a damaged one, `siblings` the files of the same
 * folder, some of them damaged too.
 */
export const FORMATS = {
  safetensors: {
    seeds: [REFERENCE],
    damage: (random, bytes) => (random.chance(1, 2) ? damageHeader(random, bytes) : damage(random, bytes)),
  },
  sharded: {
    seeds: [SHARDED.index],
    damage: (random, bytes) => (random.chance(3, 4) ? encoded(damageText(random, text(bytes))) : damage(random, bytes)),
    siblings: (random) =>
      random.chance(1, 4) ? new Map([['a.safetensors', damageHeader(random, REFERENCE)]]) : SHARDED.siblings,
  },
  pytorch: {
    seeds: seeds(SEEDS, '.pth').filter((bytes) => bytes[0] === 0x50),
    damage: (random, bytes) =>
      random.chance(1, 4)
        ? damage(random, bytes)
        : damageMember(random, bytes, (member) =>
            member.name.endsWith('.pkl') ? damagePickle(random, member.bytes) : damage(random, member.bytes),
          ),
  },
  'pytorch-legacy': {
    seeds: seeds(SEEDS, '.legacy.pth'),
    damage: damagePickle,
  },
  npz: {
    seeds: seeds(SEEDS, '.npz'),
    damage: (random, bytes) =>
      random.chance(1, 4)
        ? damage(random, bytes)
        : damageMember(random, bytes, (member) => damageArray(random, member.bytes)),
  },
  hdf5: { seeds: [...seeds(SEEDS, '.h5'), ...hdf5Seeds()], damage: damageAhead },
  keras: {
    seeds: [...seeds(SEEDS, '.keras'), ...seeds(FRAMEWORKS, '.keras')],
    damage: (random, bytes) =>
      random.chance(1, 4)
        ? damage(random, bytes)
        : damageMember(random, bytes, (member) => damageAhead(random, member.bytes)),
  },
  caffe: { seeds: [...seeds(SEEDS, '.caffemodel'), ...seeds(FRAMEWORKS, '.caffemodel')], damage: damageAhead },
  onnx: {
    seeds: seeds(ONNX, '.onnx'),
    damage: damageOnnx,
    siblings: (random) =>
      new Map(ONNX_DATA.map((data) => ['external.onnx.data', random.chance(1, 8) ? damage(random, data) : data])),
  },
  tfjs: {
    seeds: TFJS.models,
    damage: (random, bytes) => (random.chance(3, 4) ? encoded(damageText(random, text(bytes))) : damage(random, bytes)),
    siblings: (random) =>
      new Map(Array.from(TFJS.shards, ([name, shard]) => [name, random.chance(1, 8) ? damage(random, shard) : shard])),
  },
};
