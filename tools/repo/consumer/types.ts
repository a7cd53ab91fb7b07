/** A program that is compiled under each module resolution: every entry has types, and they are not `any`. */
import '@vgg/backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@vgg/backend-wasm';
import { type Communicator, randomStream, VggError } from '@vgg/core';
import { type RawImage, rescale } from '@vgg/data';
import { openSource } from '@vgg/data/node';
import { evaluate } from '@vgg/eval';
import { createVgg, type VggOptions } from '@vgg/models';
import { MomentumSgd, plateau } from '@vgg/optim';
import { perceptualLoss } from '@vgg/perceptual';
import { reportOfMetrics } from '@vgg/report';
import { fit } from '@vgg/train';
import { CheckpointFolder } from '@vgg/train/node';
import { parseModel } from '@vgg/weights';
import { loadModel } from '@vgg/weights/node';

const options: VggOptions = { configuration: 'A' };
export const logits: tf.Tensor2D = createVgg(options).apply(tf.zeros<tf.Rank.R4>([1, 224, 224, 3])).logits;
export const number: number = randomStream(1, 'types').uniform();
export type Interfaces = [Communicator, RawImage];

type IsAny<T> = 0 extends 1 & T ? true : false;
type AnyOf<T extends readonly unknown[]> = { [K in keyof T]: IsAny<T[K]> }[number];

const entries = [
  ...([setWasmPaths, VggError, rescale, openSource, evaluate, createVgg] as const),
  ...([MomentumSgd, plateau, perceptualLoss, reportOfMetrics, fit, CheckpointFolder, parseModel, loadModel] as const),
] as const;
export const typed: true extends AnyOf<typeof entries> ? never : true = true;

// @ts-expect-error: there is no configuration Z
createVgg({ configuration: 'Z' });
