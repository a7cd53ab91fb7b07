/** Addresses of the factors of convolutions: windows are read in place. */
import type { Factor, Storage } from './gemm';

/** Names in WGSL of the sizes: numbers where they are constant, else uniforms. */
export type Sizes = Readonly<Record<SizeName, string>>;

/** Sizes of a window, which most layers of a net share. */
export const WINDOW = ['kh', 'kw', 'sy', 'sx', 'dy', 'dx'] as const;
/** Sizes that rarely change, so that the shader may hold them as constants. */
export const FIXED = ['cin', 'cout', ...WINDOW] as const;
/** Sizes that change with the images. */
export const VARYING = ['h', 'w', 'oh', 'ow', 'top', 'left'] as const;
export type SizeName = (typeof FIXED)[number] | (typeof VARYING)[number];

/** Names of sizes in WGSL, and the uniforms among them: all but the constant ones. */
export function sizesOf(values: Readonly<Record<SizeName, number>>, constant: readonly SizeName[]) {
  const uniforms: Record<string, number> = {};
  const names: Record<string, string> = {};
  for (const name of [...FIXED, ...VARYING]) {
    const isConstant = constant.includes(name);
    names[name] = isConstant ? `${values[name]}u` : `u.${name}`;
    if (!isConstant) uniforms[name] = values[name];
  }
  const key = constant.map((name) => values[name]).join();
  return { sizes: names as Sizes, uniforms, key };
}

/** No place, also with the numbers of a line added. */
const NOWHERE = '-0x40000000';

interface Source {
  storage: Storage;
  vector: boolean;
}

/** Rows m are pixels of the output, k are (ky, kx, channel): x at the place of the window. */
export function windowsOfInput({ storage, vector }: Source, s: Sizes): Factor {
  return {
    storage,
    vector,
    along: 'k',
    declarations: () => `struct PreparedA { image: i32, y: i32, x: i32 }
fn prepareA(m: u32) -> PreparedA {
  let row = m / ${s.ow};
  return PreparedA(i32((row / ${s.oh}) * ${s.h}), i32((row % ${s.oh}) * ${s.sy}) - i32(${s.top}), i32((m % ${s.ow}) * ${s.sx}) - i32(${s.left}));
}
fn indexA(p: PreparedA, m: u32, k: u32) -> i32 {
  let tap = k / ${s.cin};
  let y = p.y + i32((tap / ${s.kw}) * ${s.dy});
  let x = p.x + i32((tap % ${s.kw}) * ${s.dx});
  if (y < 0 || y >= i32(${s.h}) || x < 0 || x >= i32(${s.w})) { return -1; }
  return ((p.image + y) * i32(${s.w}) + x) * i32(${s.cin}) + i32(k % ${s.cin});
}`,
    direct: () => `fn lineA(p: PreparedA, m: u32, tap: u32) -> i32 {
  let y = p.y + i32((tap / ${s.kw}) * ${s.dy});
  let x = p.x + i32((tap % ${s.kw}) * ${s.dx});
  let inside = y >= 0 && y < i32(${s.h}) && x >= 0 && x < i32(${s.w});
  return select(${NOWHERE}, ((p.image + y) * i32(${s.w}) + x) * i32(${s.cin}), inside);
}
fn atA(line: i32, i: u32) -> i32 { return line + i32(i); }`,
  };
}

/** Rows m are pixels of the input, k are (ky, kx, channel of the output): dy where that window position holds the pixel. */
export function windowsOfGradient({ storage, vector }: Source, s: Sizes): Factor {
  return {
    storage,
    vector,
    along: 'k',
    declarations: () => `struct PreparedA { image: i32, y: i32, x: i32 }
fn prepareA(m: u32) -> PreparedA {
  let row = m / ${s.w};
  return PreparedA(i32((row / ${s.h}) * ${s.oh}), i32(row % ${s.h} + ${s.top}), i32(m % ${s.w} + ${s.left}));
}
fn indexA(p: PreparedA, m: u32, k: u32) -> i32 {
  let tap = k / ${s.cout};
  let y = p.y - i32((tap / ${s.kw}) * ${s.dy});
  let x = p.x - i32((tap % ${s.kw}) * ${s.dx});
  if (y < 0 || x < 0 || u32(y) % ${s.sy} != 0 || u32(x) % ${s.sx} != 0) { return -1; }
  let oy = u32(y) / ${s.sy};
  let ox = u32(x) / ${s.sx};
  if (oy >= ${s.oh} || ox >= ${s.ow}) { return -1; }
  return ((p.image + i32(oy)) * i32(${s.ow}) + i32(ox)) * i32(${s.cout}) + i32(k % ${s.cout});
}`,
    direct: () => `fn lineA(p: PreparedA, m: u32, tap: u32) -> i32 {
  let y = p.y - i32((tap / ${s.kw}) * ${s.dy});
  let x = p.x - i32((tap % ${s.kw}) * ${s.dx});
  let oy = u32(y) / ${s.sy};
  let ox = u32(x) / ${s.sx};
  let inside = y >= 0 && x >= 0 && u32(y) % ${s.sy} == 0 && u32(x) % ${s.sx} == 0 && oy < ${s.oh} && ox < ${s.ow};
  return select(${NOWHERE}, ((p.image + i32(oy)) * i32(${s.ow}) + i32(ox)) * i32(${s.cout}), inside);
}
fn atA(line: i32, i: u32) -> i32 { return line + i32(i); }`,
  };
}

/** Rows m are (ky, kx, channel of the input), k are pixels of the output: x at the place of the window. */
export function windowsByTap({ storage, vector }: Source, s: Sizes): Factor {
  return {
    storage,
    vector,
    along: 'own',
    declarations: () => `struct PreparedA { y: i32, x: i32, c: i32 }
fn prepareA(m: u32) -> PreparedA {
  let tap = m / ${s.cin};
  return PreparedA(i32((tap / ${s.kw}) * ${s.dy}) - i32(${s.top}), i32((tap % ${s.kw}) * ${s.dx}) - i32(${s.left}), i32(m % ${s.cin}));
}
fn indexA(p: PreparedA, m: u32, k: u32) -> i32 {
  let row = k / ${s.ow};
  let y = p.y + i32((row % ${s.oh}) * ${s.sy});
  let x = p.x + i32((k % ${s.ow}) * ${s.sx});
  if (y < 0 || y >= i32(${s.h}) || x < 0 || x >= i32(${s.w})) { return -1; }
  return ((i32((row / ${s.oh}) * ${s.h}) + y) * i32(${s.w}) + x) * i32(${s.cin}) + p.c;
}`,
    direct: () => `struct LineA { first: i32, x: i32 }
fn lineA(p: PreparedA, m: u32, y0: u32) -> LineA {
  let y = p.y + i32((y0 % ${s.oh}) * ${s.sy});
  let inside = y >= 0 && y < i32(${s.h});
  return LineA((i32((y0 / ${s.oh}) * ${s.h}) + y) * i32(${s.w} * ${s.cin}) + p.c, select(${NOWHERE}, p.x, inside));
}
fn atA(line: LineA, i: u32) -> i32 {
  let x = line.x + i32(i * ${s.sx});
  return select(-1, line.first + x * i32(${s.cin}), x >= 0 && x < i32(${s.w}));
}`,
  };
}

/** A matrix [k, n], row by row. */
export function matrixB({ storage, vector }: Source): Factor {
  return {
    storage,
    vector,
    along: 'own',
    declarations: () => `alias PreparedB = u32;
fn prepareB(n: u32) -> u32 { return n; }
fn indexB(p: u32, n: u32, k: u32) -> i32 { return i32(k * u.ldb + n); }`,
    direct: () => `fn lineB(p: u32, n: u32, outer: u32) -> i32 { return i32(outer * lineLength() * u.ldb + n); }
fn atB(line: i32, i: u32) -> i32 { return line + i32(i * u.ldb); }`,
  };
}

/** The filter [kh, kw, cin, cout] with cin for n and (ky, kx, cout) for k. */
export function transposedFilter({ storage, vector }: Source, s: Sizes): Factor {
  return {
    storage,
    vector,
    along: 'k',
    declarations: () => `alias PreparedB = u32;
fn prepareB(n: u32) -> u32 { return n; }
fn indexB(p: u32, n: u32, k: u32) -> i32 { return i32(((k / ${s.cout}) * ${s.cin} + n) * ${s.cout} + k % ${s.cout}); }`,
    direct: () => `fn lineB(p: u32, n: u32, tap: u32) -> i32 { return i32((tap * ${s.cin} + n) * ${s.cout}); }
fn atB(line: i32, i: u32) -> i32 { return line + i32(i); }`,
  };
}
