/** Damage to bytes without knowledge of the format, as by a disk, a network or an attacker. The same seed repeats it. */

/** Random numbers by xorshift32: the same on every machine for the same seed and input. */
export class Random {
  constructor(seed, input = 0) {
    this.state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(input + 1, 0x85ebca77)) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.next();
  }

  /** Returns an unsigned integer of 32 bits. */
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  /** Returns an integer from 0 to `count - 1`, or 0 if `count` is less than 1. */
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

/** Numbers at the limits of integer types. */
export const BORDERS = [0n, 1n, 2n, 127n, 128n, 255n, 256n, 65535n, 65536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n];
const WIDE = [...BORDERS, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

/** Returns the bytes with `removed` of them, from `at`, replaced. */
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

/** Kinds of damage. Each takes bytes that it may change and returns the damaged ones. */
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

/** Returns a damaged copy: mostly with one damage, sometimes with several. */
export function damage(random, bytes) {
  let out = bytes.slice();
  const count = random.chance(2, 3) ? 1 : 1 + random.below(8);
  for (let i = 0; i < count; i++) out = random.pick(DAMAGES)(random, out);
  return out;
}

/** Changes one number, string or punctuation mark of a text: JSON, or literals of Python. */
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
