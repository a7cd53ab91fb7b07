/** Damage to bytes, deterministic by seed: what a disk, a network or an enemy does without knowing the format. */

/** xorshift32: the same numbers for the same seed and input on every machine. */
export class Random {
  constructor(seed, input = 0) {
    this.state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(input + 1, 0x85ebca77)) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.next();
  }

  /** An unsigned integer of 32 bits. */
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  /** From 0 to `count - 1`; 0 for no count. */
  below(count) {
    return count < 1 ? 0 : this.next() % count;
  }

  pick(values) {
    return values[this.below(values.length)];
  }

  chance(one, of) {
    return this.below(of) < one;
  }
}

/** Numbers at the borders of what code expects. */
export const BORDERS = [0n, 1n, 2n, 127n, 128n, 255n, 256n, 65535n, 65536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n];
const WIDE = [...BORDERS, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

/** The bytes with `removed` of them from `at` on replaced. */
export function splice(bytes, at, removed, inserted = new Uint8Array(0)) {
  const out = new Uint8Array(bytes.length - removed + inserted.length);
  out.set(bytes.subarray(0, at));
  out.set(inserted, at);
  out.set(bytes.subarray(at + removed), at + inserted.length);
  return out;
}

function overwriteNumber(random, bytes) {
  const width = random.pick([1, 2, 4, 8]);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const big = random.chance(1, 4);
  let value = BigInt.asUintN(width * 8, random.chance(1, 4) ? BigInt(random.below(64)) : random.pick(WIDE));
  for (let i = 0; i < width; i++, value >>= 8n) bytes[big ? at + width - 1 - i : at + i] = Number(value & 255n);
  return bytes;
}

/** Each takes bytes that it may change, and gives the damaged ones. */
const DAMAGES = [
  (random, bytes) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    return bytes;
  },
  (random, bytes) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  overwriteNumber,
  overwriteNumber,
  (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1)),
  (random, bytes) => splice(bytes, random.below(bytes.length), Math.min(1, bytes.length)),
  (random, bytes) => {
    const at = random.below(bytes.length);
    return splice(bytes, at, Math.min(random.below(64), bytes.length - at));
  },
  (random, bytes) => {
    const noise = Uint8Array.from({ length: 1 + random.below(16) }, () => random.below(256));
    return splice(bytes, random.below(bytes.length + 1), 0, noise);
  },
  (random, bytes) => {
    const from = random.below(bytes.length);
    const part = bytes.slice(from, from + 1 + random.below(128));
    return splice(bytes, random.below(bytes.length + 1), 0, part);
  },
];

/** A damaged copy: mostly by one wound, sometimes by several. */
export function damage(random, bytes) {
  let out = bytes.slice();
  const wounds = random.chance(2, 3) ? 1 : 1 + random.below(8);
  for (let i = 0; i < wounds; i++) out = random.pick(DAMAGES)(random, out);
  return out;
}

/** A text with one of its numbers, strings or marks changed: JSON, or Python's literals. */
export function damageText(random, text) {
  const tokens = [...text.matchAll(/-?\d+|"[^"]*"|'[^']*'|[[\]{}(),:]/g)];
  if (tokens.length === 0) return text;
  const token = random.pick(tokens);
  const other = random.pick(tokens)[0];
  const replacements = [
    '',
    other,
    token[0] + token[0],
    '-1',
    '1e308',
    'null',
    '{}',
    '[[[[[[[[]]]]]]]]',
    '"__proto__"',
    '"../../etc/passwd"',
    String(random.pick(WIDE)),
    String(random.below(100)),
  ];
  const at = token.index;
  return text.slice(0, at) + random.pick(replacements) + text.slice(at + token[0].length);
}
