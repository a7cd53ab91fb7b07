/** Choice of a learning rate from the losses of a trial with a rising rate, and its plot. */

function smallestOf(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}

/** Loss of one step. */
export interface RateLoss {
  readonly rate: number;
  readonly loss: number;
}

/** Weight of earlier losses in the smoothed loss. */
const SMOOTHING = 0.9;

/** Returns the exponential moving averages of the losses, corrected for their start. */
function smoothLosses(losses: readonly number[]): number[] {
  let average = 0;
  return losses.map((loss, i) => {
    average = SMOOTHING * average + (1 - SMOOTHING) * loss;
    return average / (1 - SMOOTHING ** (i + 1));
  });
}

/** Rate with the lowest loss, divided by the suggested rate: at the lowest loss, training is already close to diverging. */
const MARGIN = 3;

/**
 * Returns a third of the rate with the lowest smoothed loss, with one digit. Single steps are too noisy for the place where the
 * loss falls fastest.
 * @param steps losses by ascending rate, at least one.
 */
export function suggestRate(steps: readonly RateLoss[]): number {
  const smooth = smoothLosses(steps.map(({ loss }) => loss));
  return Number((steps[smooth.indexOf(smallestOf(smooth))]!.rate / MARGIN).toPrecision(1));
}

const SIZE = { width: 640, height: 400, margin: 48 } as const;

/** Returns the plot as an SVG file: loss over learning rate, which has a logarithmic axis. */
export function rateChart(steps: readonly RateLoss[], suggested: number): string {
  const { width, height, margin } = SIZE;
  const smooth = smoothLosses(steps.map(({ loss }) => loss));
  const low = smallestOf(smooth);
  const high = smooth.slice(0, Math.max(1, smooth.indexOf(low))).reduce((a, b) => Math.max(a, b)) * 1.1;
  const first = Math.log10(steps[0]!.rate);
  const last = Math.log10(steps.at(-1)!.rate);
  const x = (rate: number) => margin + ((Math.log10(rate) - first) / (last - first || 1)) * (width - 2 * margin);
  const y = (loss: number) =>
    height - margin - ((Math.min(loss, high) - low) / (high - low || 1)) * (height - 2 * margin);
  const points = steps.map(({ rate }, i) => `${x(rate).toFixed(1)},${y(smooth[i]!).toFixed(1)}`).join(' ');
  const decades = Array.from({ length: Math.floor(last) - Math.ceil(first) + 1 }, (_, i) => Math.ceil(first) + i);
  const ticks = decades.map((power) => text(x(10 ** power), height - margin + 20, `1e${power}`)).join('');
  const losses = [low, high].map((loss) => text(margin - 24, y(loss) + 4, loss.toFixed(2))).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<path d="M${margin} ${margin}V${height - margin}H${width - margin}" fill="none" stroke="#666"/>
${ticks}${losses}
<line x1="${x(suggested).toFixed(1)}" x2="${x(suggested).toFixed(1)}" y1="${margin}" y2="${height - margin}" stroke="#c60" stroke-dasharray="4"/>
<polyline points="${points}" fill="none" stroke="#06c" stroke-width="2"/>
${text(width / 2, height - 8, 'learning rate')}${text(width / 2, 24, `training loss, smoothed; suggested rate ${suggested}`)}
</svg>
`;
}

function text(x: number, y: number, content: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="middle">${content}</text>`;
}
