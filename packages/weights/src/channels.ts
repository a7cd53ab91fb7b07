/** Filters of RGB nets for images of another number of channels. */

/**
 * Returns the filters of a first convolution of RGB images for `channels` channels, by timm's rule: for one channel the sum
 * over the colours, for others the colours in turn, multiplied by 3 / channels. A grey image has the outputs that its RGB
 * image had. https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/_manipulate.py
 *
 * @param filters [rows, columns, 3, outputs].
 * @returns [rows, columns, channels, outputs].
 */
export function adaptFilters(filters: Float32Array, outputs: number, channels: number): Float32Array {
  const positions = filters.length / (3 * outputs);
  const adapted = new Float32Array(positions * channels * outputs);
  for (let position = 0; position < positions; position++) {
    for (let output = 0; output < outputs; output++) {
      const at = (colour: number) => filters[(position * 3 + colour) * outputs + output]!;
      for (let channel = 0; channel < channels; channel++) {
        const value = channels === 1 ? at(0) + at(1) + at(2) : at(channel % 3) * (3 / channels);
        adapted[(position * channels + channel) * outputs + output] = value;
      }
    }
  }
  return adapted;
}
