/** Damaged and malicious PyTorch files: refused with one line, never executed. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asFloat32, bytesOf, openWeights } from '../src/index';
import { archive, bytes, dictionary, global, legacy, pickle, storage, tensor, text } from './pickles';

const SEEDS = new URL('../../../tools/fuzz/seeds/', import.meta.url);
const seed = (name: string) => new Uint8Array(readFileSync(new URL(name, SEEDS)));

function open(file: Uint8Array) {
  return openWeights(bytesOf(file, 'net.pth'));
}

async function refused(file: Uint8Array, message: RegExp): Promise<void> {
  await expect(open(file)).rejects.toMatchObject({ code: 'VGG_WEIGHTS', message: expect.stringMatching(message) });
}

describe('a pickle', () => {
  it('with one tensor is read, in both formats', async () => {
    const data = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    for (const file of [archive, legacy]) {
      const source = await open(file(pickle(dictionary('w', tensor())), { 0: data }));
      expect([...source.tensors]).toMatchObject([['w', { dtype: 'F32', shape: [2] }]]);
      expect([...asFloat32(await source.read('w'))]).toEqual([1.5, -2]);
    }
  });

  it.each([
    ['argparse', 'Namespace'],
    ['collections', 'Counter'],
    ['datetime', 'datetime'],
    ['pathlib', 'PosixPath'],
    ['numpy.core.multiarray', 'scalar'],
    ['numpy._core.multiarray', '_reconstruct'],
    ['omegaconf.dictconfig', 'DictConfig'],
    ['pytorch_lightning.utilities.parsing', 'AttributeDict'],
    ['__main__', 'Config'],
    ['project.settings', 'Settings.Schedule'],
  ])('next to an object of %s.%s is read; the object is not built', async (module, name) => {
    const data = { 0: new Uint8Array(Float32Array.of(1.5, -2).buffer) };
    // Called with an argument, then given a state and an item: what objects of classes consist of.
    const object = [
      global(module, name),
      text('x'),
      0x85,
      'R',
      dictionary('a', text('b')),
      'b',
      text('k'),
      text('v'),
      's',
    ];
    const file = archive(pickle('}', text('args'), object, 's', text('w'), tensor(), 's'), data);
    const source = await open(file);
    expect([...source.tensors.keys()]).toEqual(['w']);
    expect([...asFloat32(await source.read('w'))]).toEqual([1.5, -2]);
  });

  it.each([
    ['names a function', [global('os', 'system')], /"os\.system", which is not a tensor or container/],
    ['calls a function', [global('os', 'system'), text('id'), 0x85, 'R'], /"os\.system"/],
    ['names eval by STACK_GLOBAL', [text('builtins'), text('eval'), 0x93], /"builtins\.eval"/],
    ['makes a process', [global('subprocess', 'Popen')], /"subprocess\.Popen"/],
    ['opens a file', [global('_io', 'FileIO')], /"_io\.FileIO"/],
    ['names a function of the program', [global('__main__', 'run')], /"__main__\.run"/],
    ['names a function of torch', [global('torch.hub', 'load')], /"torch\.hub\.load"/],
    ['names __proto__', [global('torch', '__proto__')], /"torch\.__proto__"/],
    ['names constructor', [global('constructor', 'constructor')], /"constructor\.constructor"/],
    ['holds a whole module', [global('torchvision.models.vgg', 'VGG')], /save model\.state_dict\(\) alone/],
    ['calls something that is not a function', [text('x'), ')', 'R'], /a call of something that is not a constructor/],
    [
      'calls a storage type',
      [global('torch', 'FloatStorage'), ')', 'R'],
      /a call of something that is not a constructor/,
    ],
    ['calls without a tuple', [global('collections', 'OrderedDict'), 'K', 1, 'R'], /a call without a tuple/],
    ['sets the state of a list', [']', '}', 'b'], /an object that sets its state/],
    ['sets the state of a tensor', [tensor(), '}', 'b'], /an object that sets its state/],
    ['makes an object by NEWOBJ', [global('collections', 'OrderedDict'), ')', 0x81], /opcode 0x81/],
    ['makes an object by INST', ['(', 'i', 'os\nsystem\n'], /opcode 0x69/],
    ['makes an object by OBJ', ['(', global('collections', 'OrderedDict'), 'o'], /opcode 0x6f/],
    ['names an extension', [0x82, 1], /opcode 0x82/],
    ['has an unknown opcode', [0xff], /opcode 0xff at byte 2/],
    ['pops from an empty stack', ['0'], /operands are missing/],
    ['reads a value that was not stored', ['h', 7], /a reference to 7, which was not stored/],
    ['makes a tuple without a mark', ['t'], /mark is missing/],
    ['makes a tuple across a mark', ['(', 0x85], /operands are missing/],
    ['appends to a number', ['K', 1, 'K', 2, 'a'], /an append to something that is not a list/],
    ['sets an item of a list', [']', 'K', 1, 'K', 2, 's'], /not a dictionary/],
    ['has a key twice', ['}', 'K', 1, 'K', 2, 's', 'K', 1, 'K', 3, 's'], /the key 1 twice/],
    ['has a text that is not UTF-8', ['X', 1, 0, 0, 0, 0xff], /not UTF-8/],
    ['has an integer of 4 GB', [0x8b, 0xff, 0xff, 0xff, 0xff], /an integer of 4294967295 bytes/],
    ['has a number that is not valid', ['I', 'x\n'], /the number "x"/],
    ['has a future protocol', [0x80, 9], /protocol 9/],
    ['is cut short', ['X', 255, 0, 0, 0, 'ab'], /a pickle that is cut short/],
    ['ends without a value', [], /operands are missing/],
    [
      'has a storage of no type',
      ['(', text('storage'), text('x'), text('0'), text('cpu'), 'K', 1, 't', 'Q'],
      /a storage that/,
    ],
    ['refers to something else', [text('module'), 'Q'], /a reference to something other than a storage/],
  ])('that %s is refused', async (_, parts, message) => {
    await refused(archive(pickle(...parts)), message);
    await refused(legacy(pickle(...parts)), message);
  });

  it.each([
    ['ends beyond its storage', tensor({ shape: [3] }), /of shape \[3\] that ends beyond its storage of 2 elements/],
    ['begins beyond its storage', tensor({ offset: 2, shape: [1] }), /ends beyond its storage/],
    ['has a stride beyond its storage', tensor({ shape: [2, 1], strides: [2, 1] }), /ends beyond its storage/],
    ['repeats its elements very often', tensor({ shape: [2 ** 30], strides: [0] }), /repeats the 2 elements stored/],
    ['has strides for other axes', tensor({ shape: [2], strides: [1, 1] }), /offset or strides are not valid/],
    ['has a negative side', tensor({ shape: [-1] }), /shape is not a list/],
    ['has more axes than 16', tensor({ shape: Array(17).fill(1), strides: Array(17).fill(1) }), /at most 16/],
    ['has no storage', tensor({ of: text('x') }), /a tensor without a storage/],
    [
      'is in a storage of 2^63 elements',
      tensor({ of: storage([0x8a, 8, Array(7).fill(255), 127]) }),
      /a storage that is not/,
    ],
  ])('with a tensor that %s is refused', async (_, part, message) => {
    await refused(archive(pickle(dictionary('w', part))), message);
    await refused(legacy(pickle(dictionary('w', part))), message);
  });

  it('is refused if a storage is missing or has another size', async () => {
    const data = pickle(dictionary('w', tensor()));
    await refused(archive(data, { 1: new Uint8Array(8) }), /a tensor in storage "0" but not that/);
    await refused(archive(data, { 0: new Uint8Array(4) }), /a storage of 4 bytes where 8 are claimed/);
    await refused(legacy(data, { 1: new Uint8Array(8) }), /a list of storages that is not that of its tensors/);
    await refused(legacy(data, { 0: new Uint8Array(4) }), /a storage of 1 elements where 2 are claimed/);
    await refused(legacy(data, {}), /tensors whose storage is not in the file/);
  });

  it('is refused if it nests deeply, contains itself or has very many paths', async () => {
    const deep = pickle(']'.repeat(100_000), 'a'.repeat(99_999));
    await refused(archive(deep), /nested deeper than 32 levels/);
    const itself = pickle(']', 'q', 0, 'h', 0, 'a');
    await refused(archive(itself), /nested deeper than 32 levels/);
    // Thirty lists, each of which contains the previous one twice: 2^30 paths in 150 bytes.
    const bomb = pickle(
      ']',
      Array.from({ length: 30 }, () => ['q', 0, '0', ']', 'h', 0, 'a', 'h', 0, 'a']),
    );
    await refused(archive(bomb), /more than 100000 values/);
  });

  it('is refused if two tensors have the same path', async () => {
    const inner = dictionary('b.c', tensor());
    const outer = ['}', text('a'), inner, 's', text('a.b'), dictionary('c', tensor()), 's'];
    await refused(archive(pickle(...outer)), /the tensor a\.b\.c twice/);
  });
});

describe('a file cut short', () => {
  it.each(['weights.pth', 'training.pth', 'weights.legacy.pth', 'training.legacy.pth'])(
    '%s is refused wherever it ends',
    async (name) => {
      const whole = seed(name);
      for (let length = 0; length < whole.length; length += 7) {
        await expect(open(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({ code: 'VGG_WEIGHTS' });
      }
    },
  );
});

describe('a valid file', () => {
  it.each(['weights.pth', 'weights.legacy.pth'])('%s has strided, half-precision and empty tensors', async (name) => {
    const source = await open(seed(name));
    const shapes = Object.fromEntries([...source.tensors].map(([key, { dtype, shape }]) => [key, [dtype, ...shape]]));
    expect(shapes).toMatchObject({
      half: ['F16', 3],
      bfloat16: ['BF16', 3],
      transposed: ['F32', 6, 4],
      counter: ['I64'],
      empty: ['F32', 0, 3],
      flags: ['BOOL', 2],
    });
    const rows = Array.from({ length: 6 }, (_, i) => [i, i + 6, i + 12, i + 18]);
    expect([...asFloat32(await source.read('transposed'))]).toEqual(rows.flat());
    expect([...asFloat32(await source.read('transposed', { begin: 4, end: 6 }))]).toEqual(rows.slice(4).flat());
    expect([...asFloat32(await source.read('sliced'))]).toEqual([6, 8, 10, 12, 14, 16]);
    expect((await source.read('empty')).bytes.length).toBe(0);
    expect([...(await source.read('flags')).bytes]).toEqual([1, 0]);
    await expect(source.read('slice')).rejects.toThrow('net.pth has no tensor slice (did you mean "sliced"?)');
    await expect(source.read('half', { begin: 2, end: 4 })).rejects.toThrow('half has rows 0 to 3, got 2 to 4');
  });

  it.each(['training.pth', 'training.legacy.pth'])('%s has the paths of all its tensors', async (name) => {
    const source = await open(seed(name));
    expect([...source.tensors.keys()]).toEqual([
      'state_dict.module.weight',
      'state_dict.module.bias',
      'optimizer.state.0.momentum_buffer',
      'optimizer.state.1.momentum_buffer',
    ]);
  });

  it('of protocol 4 is read like one of protocol 2', async () => {
    const a = await open(seed('protocol4.pth'));
    const b = await open(seed('module.pth'));
    expect([...asFloat32(await a.read('weight'))]).toEqual([...asFloat32(await b.read('weight'))]);
  });

  it('of big-endian numbers is refused', async () => {
    const { zip } = await import('../../../tools/fuzz/zip.mjs');
    const members = [
      { name: 'a/data.pkl', bytes: pickle(dictionary('w', tensor())) },
      { name: 'a/byteorder', bytes: bytes('big') },
      { name: 'a/data/0', bytes: new Uint8Array(8) },
    ];
    await refused(zip(members), /numbers that are not little-endian/);
  });
});
