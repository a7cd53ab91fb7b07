/** Damaged, hostile and unsuitable ONNX files: each is refused with one line that names the file. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { isVggError } from '@vgg/core';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { describe, expect, it } from 'vitest';
import { bytesOf, type FileSet, openWeights, recogniseNet } from '../src/index';
import { openBytes } from '../src/node';
import { file, input, list, node, number, onnxFile } from './onnx-files';
import { bytes, integer, message, type Part, text } from './protobuf';

const fixture = (name: string) => readFileSync(new URL(`./fixtures/onnx/${name}`, import.meta.url));

/** Opens a file, reads all its tensors and finds its net. */
async function readAll(content: Uint8Array, siblings?: FileSet): Promise<void> {
  const source = await openWeights(bytesOf(content, 'net.onnx', siblings));
  for (const name of source.tensors.keys()) await source.read(name);
  recogniseNet(source);
  await source.close();
}

/** Returns the error of reading a file, after checking that it is one line. */
async function failure(content: Uint8Array, siblings?: FileSet): Promise<string> {
  const error = await readAll(content, siblings).then(
    () => new Error('it was read'),
    (reason: unknown) => reason,
  );
  expect(isVggError(error), String(error)).toBe(true);
  const { message } = error as Error;
  expect(message).toContain('net.onnx');
  expect(message).not.toMatch(/\n/);
  return message;
}

const dims = (...sides: (number | bigint)[]) => sides.map((side) => integer(1, side));
const weight = (...fields: Part[]) => bytes(5, message(text(8, 'w'), integer(2, 1), ...fields));
const WEIGHT = weight(...dims(2, 3, 1, 1), bytes(9, new Uint8Array(24)));
const entry = (key: string, value: string) => bytes(13, message(text(1, key), text(2, value)));
const external = (...place: Part[]) => weight(...dims(2, 3, 1, 1), integer(14, 1), ...place);
const images = input('x', 0, 3, 64, 64);
const conv = node('Conv', ['x', 'w'], 'y');
const net = (...more: Part[]) => file(images, conv, ...more);

describe('an ONNX file', () => {
  it('is refused wherever it is cut short', async () => {
    const whole = fixture('vgg11.onnx');
    for (let length = 3; length < whole.length - 40; length += 211) await failure(whole.subarray(0, length));
  });

  it.each([
    [
      'a shape that claims more',
      net(weight(...dims(2, 3, 1, 2), bytes(9, new Uint8Array(24)))),
      /needs 48 bytes, got 24/,
    ],
    ['no numbers', net(weight(...dims(2, 3, 1, 1))), /needs 24 bytes, got 0/],
    ['a side of 2^62', net(weight(...dims(2n ** 62n), bytes(9, new Uint8Array(24)))), /is too large/],
    ['a negative side', net(weight(...dims(-2), bytes(9, new Uint8Array(24)))), /is too large/],
    [
      'a shape of 2^80',
      net(weight(...dims(2n ** 40n, 2n ** 40n), bytes(9, new Uint8Array(24)))),
      /needs \d[\de+.]* bytes/,
    ],
    ['33 axes', net(weight(...dims(...Array<number>(33).fill(1)))), /more than 32 axes/],
    [
      'numbers twice',
      net(weight(...dims(1), bytes(9, new Uint8Array(4)), bytes(4, new Uint8Array(4)))),
      /its numbers twice/,
    ],
    ['one tensor twice', net(WEIGHT, WEIGHT), /it has "w" twice/],
    ['two graphs', message(integer(1, 8), bytes(7, new Uint8Array(0)), bytes(7, new Uint8Array(0))), /two graphs/],
    ['no graph', message(integer(1, 8), text(2, 'pytorch')), /no graph: cut short\?/],
    ['a graph that is an integer', message(integer(1, 8), text(2, 'x'), integer(7, 1)), /expected a message/],
    ['no input', file(conv, WEIGHT), /takes 0 inputs/],
    ['two inputs', net(input('z', 1, 3), WEIGHT), /takes 2 inputs, expected the images/],
    ['weights of the input', file(images, node('Conv', ['x', 'x'], 'y')), /come from an input/],
    [
      'quantised weights',
      file(images, node('DequantizeLinear', ['w', 's'], 'v'), node('Conv', ['x', 'v'], 'y'), WEIGHT),
      /come from DequantizeLinear, expected constants: is it quantised\?/,
    ],
    [
      'constants in a ring',
      file(images, node('Identity', ['b'], 'a'), node('Identity', ['a'], 'b'), node('Conv', ['x', 'a'], 'y')),
      /come from Identity/,
    ],
    ['a batch norm without numbers', net(WEIGHT, node('BatchNormalization', ['y'], 'z')), /"" is not a constant/],
    [
      'its preprocessing',
      file(images, node('Div', ['x', 'w'], 'v'), node('Conv', ['v', 'w'], 'y'), WEIGHT),
      /it computes Div, which no VGG does: export it without its preprocessing/,
    ],
    ['another activation', net(WEIGHT, node('LeakyRelu', ['y'], 'z')), /it computes LeakyRelu, which no VGG does/],
    ['a stride', file(images, node('Conv', ['x', 'w'], 'y', list('strides', 2, 2)), WEIGHT), /Conv of another kind/],
    ['groups', file(images, node('Conv', ['x', 'w'], 'y', number('group', 3)), WEIGHT), /Conv of another kind/],
    ['one convolution', net(WEIGHT), /the order of its layers is not that of a VGG/],
    ['a place without a name', net(external(entry('offset', '0'))), /another file without a name/],
    [
      'a place in another folder',
      net(external(entry('location', '../../etc/passwd'))),
      /"\.\.\/\.\.\/etc\/passwd".*plain file name/,
    ],
    ['an absolute place', net(external(entry('location', '/etc/passwd'))), /plain file name/],
    ['a negative place', net(external(entry('location', 'd'), entry('offset', '-4'))), /has the place "-4"/],
    [
      'a length of another shape',
      net(external(entry('location', 'd'), entry('length', '20'))),
      /needs 24 bytes, got 20/,
    ],
    [
      'a place beyond the file',
      net(external(entry('location', 'd'), entry('offset', '4'))),
      /byte 28 of d, which has 24: cut short\?/,
    ],
    ['a missing file of numbers', net(external(entry('location', 'e'))), /needs e, which is missing/],
  ])('with %s is refused', async (_what, content, line) => {
    expect(await failure(content, new Map([['d', new Uint8Array(24)]]))).toMatch(line);
  });

  it('without the file of its numbers on the disk is refused with its path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vgg-onnx-'));
    await writeFile(join(folder, 'external.onnx'), fixture('external.onnx'));
    await expect(openWeights(await openBytes(join(folder, 'external.onnx')))).rejects.toMatchObject({
      code: 'VGG_IO',
      message: expect.stringContaining('external.onnx.data'),
    });
    await rm(folder, { recursive: true });
  });
});

/** Returns the file of A without a head, of width 1/16, with more nodes after it. */
function withHead(...more: ((value: string) => Part)[]): Uint8Array {
  const model = createVgg({ configuration: 'A', width: 1 / 16, head: 'none' }, zeroInitialiser());
  const name = (index: number, role: string) => `backbone.features.${index}.${role}`;
  const { net } = onnxFile(model, { software: 'torch', name, more: (value) => more.map((part) => part(value)) });
  model.dispose();
  return net;
}

describe('a net in another one', () => {
  const gemm = (value: string) => node('Gemm', [value, 'v'], 'logits', number('transB', 1));
  const matrix = () => bytes(5, message(text(8, 'v'), integer(2, 1), ...dims(7, 32), bytes(9, new Uint8Array(896))));
  const recognised = async (content: Uint8Array) => recogniseNet(await openWeights(bytesOf(content)));

  it.each([
    ['an average of the map', [(value: string) => node('GlobalAveragePool', [value], 'p'), () => gemm('p'), matrix]],
    ['another activation', [(value: string) => node('HardSwish', [value], 'p'), () => gemm('p'), matrix]],
    ['matrices of other sizes', [gemm, matrix]],
  ] as const)('is read without a head of its own with %s', async (_what, more) => {
    const { options, report, others } = await recognised(withHead(...more));
    expect(options).toMatchObject({ configuration: 'A', width: 1 / 16, head: 'none' });
    expect(report).toMatchObject({ missing: [], leftOver: [], misshapen: [] });
    expect(others).toContain('v');
  });

  it('that uses its layers in two places is refused', async () => {
    const error = await recognised(
      file(images, WEIGHT, conv, node('Relu', ['y'], 'r'), node('Add', ['y', 'r'], 's')),
    ).catch(String);
    expect(error).toMatch(/it computes Add, which no VGG does/);
  });
});
