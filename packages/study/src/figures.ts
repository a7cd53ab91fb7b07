/** Results of the paper (section 4): errors in % on the validation images of ILSVRC-2012. */
import type { ConfigurationName } from '@vgg/models';

/** Top-1 and top-5 error in %. */
export type Figures = readonly [top1: number, top5: number];

/** Training scales S of the paper, in its order. */
export const PAPER_SCALES = ['256', '384', '256:512'] as const;
export type PaperScale = (typeof PAPER_SCALES)[number];

/** Tables 3 and 4: dense evaluation at one test scale Q and over several. */
export const TABLES_3_AND_4: readonly {
  config: ConfigurationName;
  scale: PaperScale;
  single: Figures;
  multi?: Figures;
}[] = [
  { config: 'A', scale: '256', single: [29.6, 10.4] },
  { config: 'A-LRN', scale: '256', single: [29.7, 10.5] },
  { config: 'B', scale: '256', single: [28.7, 9.9], multi: [28.2, 9.6] },
  { config: 'C', scale: '256', single: [28.1, 9.4], multi: [27.7, 9.2] },
  { config: 'C', scale: '384', single: [28.1, 9.3], multi: [27.8, 9.2] },
  { config: 'C', scale: '256:512', single: [27.3, 8.8], multi: [26.3, 8.2] },
  { config: 'D', scale: '256', single: [27.0, 8.8], multi: [26.6, 8.6] },
  { config: 'D', scale: '384', single: [26.8, 8.7], multi: [26.5, 8.6] },
  { config: 'D', scale: '256:512', single: [25.6, 8.1], multi: [24.8, 7.5] },
  { config: 'E', scale: '256', single: [27.3, 9.0], multi: [26.9, 8.7] },
  { config: 'E', scale: '384', single: [26.9, 8.7], multi: [26.7, 8.6] },
  { config: 'E', scale: '256:512', single: [25.5, 8.0], multi: [24.8, 7.5] },
];

/** Table 5: nets of S = [256;512] over Q = {256, 384, 512}. */
export const TABLE_5: readonly { config: ConfigurationName; dense: Figures; 'multi-crop': Figures; both: Figures }[] = [
  { config: 'D', dense: [24.8, 7.5], 'multi-crop': [24.6, 7.5], both: [24.4, 7.2] },
  { config: 'E', dense: [24.8, 7.5], 'multi-crop': [24.6, 7.4], both: [24.4, 7.1] },
];

/** Table 6: fusions of nets, each over the test scales of Table 4. */
export const TABLE_6: readonly {
  nets: readonly (readonly [config: ConfigurationName, scale: PaperScale])[];
  dense: Figures;
  'multi-crop'?: Figures;
  both?: Figures;
}[] = [
  {
    nets: [
      ['D', '256'],
      ['D', '384'],
      ['D', '256:512'],
      ['C', '256'],
      ['C', '384'],
      ['E', '256'],
      ['E', '384'],
    ],
    dense: [24.7, 7.5],
  },
  {
    nets: [
      ['D', '256:512'],
      ['E', '256:512'],
    ],
    dense: [24.0, 7.1],
    'multi-crop': [23.9, 7.2],
    both: [23.7, 6.8],
  },
];
