/** Stages of a net: a column of Table 1 or a table as convolutions with their numbers of filters. */
import { type Configuration, STAGE_FILTERS, TABLE_1, type VggTable } from './table';

/** Layer of a stage. */
export type StageEntry = 'LRN' | { readonly filters: number; readonly kernel: 1 | 3 };

/** Consecutive layers of a net between two max-pools. */
export interface Stage {
  readonly entries: readonly StageEntry[];
  /** True if a max-pool ends the stage. Only the last stage of a table may have none. */
  readonly pooled: boolean;
}

function stagesOfTable(table: VggTable): Stage[] {
  const stages: Stage[] = [];
  let entries: StageEntry[] = [];
  for (const entry of table) {
    if (entry === 'pool' || entry === 'M') {
      stages.push({ entries, pooled: true });
      entries = [];
    } else entries.push(typeof entry === 'number' ? { filters: entry, kernel: 3 } : entry);
  }
  return entries.length === 0 ? stages : [...stages, { entries, pooled: false }];
}

/** Returns the stages of a net, before the width multiplier. */
export function stagesOf(configuration: Configuration): readonly Stage[] {
  if (typeof configuration !== 'string') return stagesOfTable(configuration);
  return TABLE_1[configuration].map((kernels, i) => ({
    entries: kernels.map((kernel) => (kernel === 'LRN' ? kernel : { filters: STAGE_FILTERS[i]!, kernel })),
    pooled: true,
  }));
}

/** Returns the number of max-pools of a net: five for the nets of the paper. Each halves the sides and rounds down. */
export function poolings(configuration: Configuration): number {
  return stagesOf(configuration).filter(({ pooled }) => pooled).length;
}

/** Returns a configuration as short text: `D`, or the entries of a table: `64-pool-128-1x1x64-pool`. */
export function configurationText(configuration: Configuration): string {
  if (typeof configuration === 'string') return configuration;
  const entries = configuration.map((entry) => {
    if (typeof entry === 'object') return entry.kernel === 3 ? entry.filters : `1x1x${entry.filters}`;
    return entry === 'M' ? 'pool' : entry;
  });
  return entries.join('-');
}

/** Largest number of entries of a table. */
const MAX_ENTRIES = 1000;

function entryFault(entry: unknown): string | undefined {
  if (entry === 'pool' || entry === 'M' || entry === 'LRN') return undefined;
  const { filters, kernel, ...rest } = (
    typeof entry === 'object' && entry !== null ? entry : { filters: entry, kernel: 3 }
  ) as Record<string, unknown>;
  const known = (kernel === 1 || kernel === 3) && Object.keys(rest).length === 0;
  if (known && Number.isSafeInteger(filters) && (filters as number) >= 1) return undefined;
  return `expected a number of filters, { filters, kernel: 1 or 3 }, 'pool' or 'LRN', got ${JSON.stringify(entry)}`;
}

/** Returns the first error in a table, or undefined. The table may come from a file. */
export function tableFault(table: readonly unknown[]): string | undefined {
  if (table.length === 0 || table.length > MAX_ENTRIES) {
    return `a table needs 1 to ${MAX_ENTRIES} entries, got ${table.length}`;
  }
  for (const [i, entry] of table.entries()) {
    const fault = entryFault(entry);
    if (fault !== undefined) return `entry ${i} of the table: ${fault}`;
  }
  if (typeof table[0] === 'string') return `a table starts with a convolution, got '${table[0]}'`;
  const twice = stagesOfTable(table as VggTable).find(
    ({ entries }) => entries.filter((entry) => entry === 'LRN').length > 1,
  );
  return twice && 'a table may have one LRN between two pools, got more';
}
