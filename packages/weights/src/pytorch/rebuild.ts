/**
 * Values that a PyTorch pickle may build: tensors over storages, and the few containers that hold them in a `state_dict`.
 * Only the names that `torch.save` writes are known; all others are refused.
 */
import { sizeOf } from '@vgg/core';
import { DTYPE_BYTES, type Dtype } from '../safetensors/dtypes';
import { InvalidFile } from './errors';
import { type PickleHost, type PickleValue, SkippedObject } from './pickle';

/** Elements of one type in the file. Tensors are views of them. */
export class Storage {
  constructor(
    readonly dtype: Dtype,
    readonly key: string,
    /** Number of elements. */
    readonly length: number,
  ) {}
}

/** Tensor as a view of a storage; offset and strides are numbers of elements. */
export class StoredView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Name in the allow-list. */
class AllowedName {
  constructor(readonly name: string) {}
}

class StorageType extends AllowedName {
  constructor(
    name: string,
    readonly dtype: Dtype,
  ) {
    super(name);
  }
}

const STORAGE_DTYPES: Readonly<Record<string, Dtype>> = {
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  DoubleStorage: 'F64',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const MAX_RANK = 16;

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function counts(value: PickleValue | undefined, what: string): number[] {
  if (Array.isArray(value) && value.length <= MAX_RANK && value.every(isCount)) return value as number[];
  throw new InvalidFile(`a tensor whose ${what} is not a list of at most ${MAX_RANK} non-negative integers`);
}

/** Builds the tensor of `_rebuild_tensor_v2(storage, offset, size, stride, ...)`. */
function view([storage, offset, size, stride]: PickleValue[]): StoredView {
  if (!(storage instanceof Storage)) throw new InvalidFile('a tensor without a storage');
  const shape = counts(size, 'shape');
  const strides = counts(stride, 'stride');
  if (!isCount(offset) || strides.length !== shape.length)
    throw new InvalidFile('a tensor whose offset or strides are not valid');
  const count = sizeOf(shape);
  const last = shape.reduce((at, side, axis) => at + (side - 1) * strides[axis]!, offset);
  if (count > 0 && !(last < storage.length)) {
    throw new InvalidFile(`a tensor of shape [${shape}] that ends beyond its storage of ${storage.length} elements`);
  }
  if (count > storage.length)
    throw new InvalidFile(`a tensor of shape [${shape}] that repeats the ${storage.length} elements stored`);
  return new StoredView(storage, offset, shape, strides);
}

function dictionary(args: PickleValue[]): PickleValue {
  const [items = [], ...rest] = args;
  if (!Array.isArray(items) || rest.length > 0) throw new InvalidFile('an OrderedDict that is not made of items');
  const map = new Map<PickleValue, PickleValue>();
  for (const item of items) {
    if (!Array.isArray(item) || item.length !== 2) throw new InvalidFile('an OrderedDict that is not made of items');
    map.set(item[0]!, item[1]!);
  }
  return map;
}

function first(args: PickleValue[]): PickleValue {
  if (args.length === 0) throw new InvalidFile('a call that lacks its argument');
  return args[0]!;
}

/** Functions that a pickle may call, by name. None of them runs code of the file. */
const CALLS: Readonly<Record<string, (args: PickleValue[]) => PickleValue>> = {
  'collections.OrderedDict': dictionary,
  // Its factory of missing values is dropped.
  'collections.defaultdict': (args) => dictionary(args.slice(1)),
  'torch._utils._rebuild_tensor': view,
  'torch._utils._rebuild_tensor_v2': view,
  'torch._utils._rebuild_parameter': first,
  'torch.Size': first,
  'torch.device': () => null,
};

/**
 * Classes and functions whose objects training scripts save next to the weights: options, counters, dates, paths, NumPy's numbers.
 * None of them is built; an object takes its place. The same holds for classes of other libraries and of the program itself.
 */
const SKIPPED: ReadonlySet<string> = new Set([
  'argparse.Namespace',
  'types.SimpleNamespace',
  'collections.Counter',
  'collections.deque',
  'copyreg._reconstructor',
  'copy_reg._reconstructor',
  'datetime.date',
  'datetime.datetime',
  'datetime.timedelta',
  'datetime.timezone',
  'decimal.Decimal',
  'fractions.Fraction',
  'uuid.UUID',
  '_codecs.encode',
  ...['PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath', 'Path'].flatMap((name) => [
    `pathlib.${name}`,
    `pathlib._local.${name}`,
  ]),
  ...['builtins', '__builtin__'].flatMap((module) =>
    [
      'set',
      'frozenset',
      'list',
      'dict',
      'tuple',
      'int',
      'float',
      'bool',
      'str',
      'bytes',
      'bytearray',
      'complex',
      'slice',
      'range',
      'object',
    ].map((name) => `${module}.${name}`),
  ),
  'numpy.dtype',
  'numpy.ndarray',
  ...['core', '_core'].flatMap((core) => [
    `numpy.${core}.multiarray.scalar`,
    `numpy.${core}.multiarray._reconstruct`,
    `numpy.${core}.numeric._frombuffer`,
  ]),
  ...['float32', 'float16', 'bfloat16', 'float64', 'int64', 'int32', 'uint8', 'bool'].map((name) => `torch.${name}`),
  ...['float64', 'float32', 'float16', 'int64', 'int32', 'bool_'].map((name) => `numpy.${name}`),
  'torch.torch_version.TorchVersion',
]);

/** Modules whose classes are not skipped: those of nets, which hold their weights, and those of Python that run programs or open files. */
const NOT_SKIPPED: ReadonlySet<string> = new Set(
  (
    'torch torchvision timm builtins __builtin__ os posix nt sys subprocess commands runpy importlib imp ctypes cffi pty code codeop ' +
    'pickle _pickle cPickle dill cloudpickle joblib marshal shelve shutil socket ssl http urllib ftplib smtplib telnetlib webbrowser ' +
    'multiprocessing threading _thread asyncio concurrent signal pdb bdb timeit trace gc inspect operator functools itertools ' +
    'types io _io codecs tempfile zipfile tarfile zipimport site pkgutil pydoc ast dis mmap fileinput logging sqlite3'
  ).split(' '),
);

/** Returns true for the class of a configuration or a counter, of a library or of the program that saved the file. */
function isOwnClass(module: string, name: string): boolean {
  return /^[A-Z]\w*(\.[A-Z]\w*)*$/.test(name) && !NOT_SKIPPED.has(module.split('.')[0]!);
}

function lookUp(module: string, name: string): PickleValue {
  const full = `${module}.${name}`;
  if (Object.hasOwn(CALLS, full)) return new AllowedName(full);
  if (module === 'torch' && Object.hasOwn(STORAGE_DTYPES, name)) return new StorageType(full, STORAGE_DTYPES[name]!);
  if (SKIPPED.has(full) || isOwnClass(module, name)) return new SkippedObject();
  const label = full.length > 100 ? `${full.slice(0, 97)}...` : full;
  throw new InvalidFile(`${JSON.stringify(label)}, which is not a tensor or container: save model.state_dict() alone`);
}

/** Returns the storage of the file's reference `('storage', type, key, location, length, ...)`. */
function storageOf(id: PickleValue): Storage {
  if (!Array.isArray(id) || id[0] !== 'storage') throw new InvalidFile('a reference to something other than a storage');
  const [, type, key, , length, part] = id;
  if (!(type instanceof StorageType) || typeof key !== 'string' || !isCount(length)) {
    throw new InvalidFile('a storage that is not described by type, key and length');
  }
  if (part !== undefined && part !== null) throw new InvalidFile('a storage that is part of another');
  if (!isCount(length * DTYPE_BYTES[type.dtype])) throw new InvalidFile(`a storage of ${length} elements`);
  return new Storage(type.dtype, key, length);
}

/** Host that builds tensors and nothing else. */
export const tensorsOnly: PickleHost = {
  global: lookUp,
  call(callee, args) {
    if (callee instanceof SkippedObject) return new SkippedObject();
    if (callee instanceof AllowedName && Object.hasOwn(CALLS, callee.name)) return CALLS[callee.name]!(args);
    throw new InvalidFile('a call of something that is not a constructor of tensors');
  },
  persistent: storageOf,
};
