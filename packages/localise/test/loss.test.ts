/** The loss and its gradients, compared with PyTorch (tools/fixtures/boxes.py), and its metric by hand. */
import './backend';
import { readFileSync } from 'node:fs';
import { tensor2d, tensor4d, tidy, variableGrads } from '@tensorflow/tfjs-core';
import { createVgg } from '@vgg/models';
import { ensureGradients } from '@vgg/optim';
import { hashed, hashedInitialiser } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { boxLoss, encodeBox, outputsOf, type Regression } from '../src/index';
import { writeTargets } from '../src/regression';

type Recorded = Record<Regression, { loss: number } & Record<string, number | number[]>>;
const RECORDED = JSON.parse(readFileSync(new URL('./fixtures/boxes.json', import.meta.url), 'utf8')) as Recorded;
const LABELS = [0, 2, 1, 1, 0];
const UNSEEN = 3;

/** Returns the targets of the recorded boxes, which are numbers already. */
function targetsOf(regression: Regression): Float32Array {
  const boxes = Float32Array.from(hashed(8, LABELS.length * 4));
  const outputs = outputsOf(regression, 3);
  const targets = new Float32Array(LABELS.length * outputs).fill(Number.NaN);
  LABELS.forEach((label, i) => {
    if (i === UNSEEN) return;
    targets.set(boxes.subarray(4 * i, 4 * i + 4), i * outputs + (regression === 'shared' ? 0 : 4 * label));
  });
  return targets;
}

describe.each(['per-class', 'shared'] as const)('the loss of %s boxes', (regression) => {
  it('has the value and the gradients of PyTorch', () => {
    ensureGradients();
    const model = createVgg(
      {
        configuration: [4, 'pool'],
        inputSize: 8,
        classes: outputsOf(regression, 3),
        head: 'linear',
        dropout: 0,
      },
      hashedInitialiser({ seed: 60 }),
    );
    const images = tensor4d(
      Float32Array.from(hashed(7, 5 * 8 * 8 * 3), (u) => 2 * u - 1),
      [5, 8, 8, 3],
    );
    const given = { size: 5, labels: undefined, targets: targetsOf(regression), mixed: undefined };
    const { value, grads } = variableGrads(
      () => boxLoss().sum(model.apply(images).logits, given),
      [...model.variables.values()],
    );
    const recorded = RECORDED[regression];
    expect(value.dataSync()).toBeAllclose([recorded.loss], { rtol: 1e-6, atol: 0 });
    for (const [name, variable] of model.variables) {
      expect(grads[variable.name]!.dataSync(), name).toBeAllclose(recorded[name] as number[], {
        rtol: 1e-5,
        atol: 1e-6,
      });
    }
    model.dispose();
  });
});

describe('the metric', () => {
  it('is the percentage of images whose box overlaps by less than half', () => {
    const crop = { width: 10, height: 10 };
    const box = { left: 2, top: 2, width: 4, height: 4 };
    // Boxes moved by 1 (IoU 12 / 20) and by 2 (8 / 24), and an image without a target, which counts as wrong.
    const outputs = [1, 2, 1].flatMap((shift) => encodeBox({ ...box, left: 2 + shift }, crop));
    const targets = new Float32Array(12);
    for (const i of [0, 1]) writeTargets(targets.subarray(4 * i, 4 * i + 4), 'shared', { box, label: 0, crop });
    targets.fill(Number.NaN, 8);
    const given = { size: 3, labels: undefined, targets, mixed: undefined };
    const metric = boxLoss().metric!;
    expect(metric.sum(Float32Array.from(outputs), given)).toBe(200);
    expect(boxLoss({ threshold: 0.3 }).metric!.sum(Float32Array.from(outputs), given)).toBe(100);
  });

  it('ignores images without targets in the loss', () => {
    const targets = new Float32Array(4).fill(Number.NaN);
    const loss = tidy(() =>
      boxLoss()
        .sum(tensor2d([[1, 2, 3, 4]]), { size: 1, labels: undefined, targets, mixed: undefined })
        .dataSync(),
    );
    expect(loss[0]).toBe(0);
  });
});
