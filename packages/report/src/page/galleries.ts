/** Images on the page: mistakes, class maps, training crops and filters. */
import type { EmbeddedImage, HeatMap, LabelledImage, Mistake } from '../data';
import { emptySection, h, percent, section } from './dom';

function imageElement({ src, width, height }: EmbeddedImage, text: string): HTMLElement {
  const small = Math.max(width, height) < 100;
  return h('img', { src, width, height, alt: text, class: small ? 'pixels' : undefined });
}

export function mistakes(shown: readonly Mistake[], reason: string | undefined): HTMLElement | null {
  const title = 'Most confident mistakes';
  if (shown.length === 0) return emptySection('mistakes', title, '', reason);
  const card = ({ image, key, label, predicted, probability }: Mistake) =>
    h(
      'figure',
      { title: key },
      image === null
        ? h('div', { class: 'gone' }, 'image not found')
        : imageElement(image, `${label}, predicted as ${predicted}`),
      h(
        'figcaption',
        {},
        h('b', {}, predicted),
        ` ${percent(probability)}`,
        h('br'),
        `true: ${label}`,
        h('span', { class: 'file' }, key),
      ),
    );
  return section(
    'mistakes',
    title,
    'The predicted class with its probability, the true class, and the file.',
    h('div', { class: 'gallery' }, ...shown.map(card)),
  );
}

export function heatMaps(maps: readonly HeatMap[], reason: string | undefined): HTMLElement | null {
  const title = 'Heat maps';
  if (maps.length === 0) return emptySection('heat-maps', title, '', reason);
  const card = ({ image, overlay, low, high, key, label, predicted, probability }: HeatMap) =>
    h(
      'figure',
      { title: key },
      h('div', { class: 'pair' }, imageElement(image, label), imageElement(overlay, `heat map of ${predicted}`)),
      h(
        'figcaption',
        {},
        h('b', {}, predicted),
        ` ${percent(probability)}`,
        predicted === label ? '' : `, true: ${label}`,
        h(
          'span',
          { class: 'legend' },
          `${low} `,
          h('span', { class: 'scale', role: 'img', 'aria-label': 'from dark to bright' }),
          ` ${high}`,
        ),
        h('span', { class: 'file' }, key),
      ),
    );
  return section(
    'heat-maps',
    title,
    'Places of the image that speak for the most likely class: Grad-CAM at the last convolution, in shares of its highest value. The colours of each map go from its own lowest to its own highest value.',
    h('div', { class: 'pairs' }, ...maps.map(card)),
  );
}

export function crops(shown: readonly LabelledImage[], reason: string | undefined): HTMLElement | null {
  const title = 'Training crops';
  if (shown.length === 0) return emptySection('crops', title, '', reason);
  return section(
    'crops',
    title,
    'The first crops of the first epoch as the net receives them: rescaled, cropped, flipped, with shifted colours. To show them, the mean is added.',
    h(
      'div',
      { class: 'gallery small' },
      ...shown.map(({ image, label }) => h('figure', {}, imageElement(image, label), h('figcaption', {}, label))),
    ),
  );
}

export function filters(sheet: EmbeddedImage | null, reason: string | undefined): HTMLElement | null {
  const title = 'First layer';
  if (sheet === null) return emptySection('filters', title, '', reason);
  return section(
    'filters',
    title,
    'The 3×3 filters of conv1_1 for red, green and blue. Grey is zero; each filter is scaled by its largest weight.',
    h('img', { class: 'filters', src: sheet.src, width: sheet.width, height: sheet.height, alt: 'filters of conv1_1' }),
  );
}
