/** What a report shows, as plain JSON: made in Node, embedded in `report.html`, sent to the live page, drawn by `page/`. */

/** Columns of one length each; null where there is no value. */
export type Column = readonly (number | null)[];

export interface Curves {
  /** Along training: each point stands for a run of steps. */
  readonly steps: {
    /** Epochs passed, with fractions. */
    readonly epoch: Column;
    readonly loss: Column;
    /** Errors in %. */
    readonly top1: Column;
    readonly top5: Column;
    readonly rate: Column;
    readonly imagesPerSecond: Column;
  };
  /** After each epoch that was validated, of the validation images. */
  readonly validation: { readonly epoch: Column; readonly loss: Column; readonly top1: Column; readonly top5: Column };
}

/** Where the time went, in seconds. */
export interface TimeSpent {
  readonly computing: number;
  /** For images that were not ready. */
  readonly waiting: number;
  readonly validating: number;
  /** Checkpoints. */
  readonly saving: number;
}

export interface ResultRow {
  readonly protocol: string;
  readonly scales: readonly number[];
  /** How many images, and of what. */
  readonly images: number;
  readonly of: string;
  /** In %. */
  readonly top1: number | null;
  readonly top5: number | null;
}

/** A table as it is printed. */
export interface PrintedTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How many columns, from the left, are text. */
  readonly textColumns: number;
}

export interface Confusion {
  /** The classes shown: all, or those most confused. */
  readonly classes: readonly string[];
  /** Images of class `row` taken for class `column`; row after row. */
  readonly counts: readonly number[];
  /** Images of each class shown, those taken for classes not shown included. */
  readonly totals: readonly number[];
  readonly images: number;
  /** How many classes there are in all. */
  readonly of: number;
  readonly protocol: string;
}

/** A picture as a data URI. */
export interface Picture {
  readonly src: string;
  readonly width: number;
  readonly height: number;
}

export interface Mistake {
  readonly picture: Picture | null;
  readonly key: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface HeatMap {
  readonly picture: Picture;
  readonly overlay: Picture;
  readonly key: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface LabelledPicture {
  readonly picture: Picture;
  readonly label: string;
}

/** Names and values: the net, the data, the recipe, the environment. */
export interface Facts {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string])[];
}

/** What a run under way is doing. */
export interface Activity {
  /** `training`, `validation`, ... */
  readonly what: string;
  /** Parts done, 0 to 1. */
  readonly epochPart: number;
  readonly runPart: number;
  /** Seconds; null while nobody can tell. */
  readonly left: number | null;
  /** Of training, lately; null before the first step. */
  readonly imagesPerSecond: number | null;
}

export type RunState = 'training' | 'evaluating' | 'complete' | 'interrupted' | 'unfinished';

export interface Headline {
  readonly state: RunState;
  /** Epochs finished, of those planned. */
  readonly epoch: number;
  readonly epochs: number;
  /** Best top-1 error so far in %, after which epoch, counted from 1. */
  readonly best: { readonly top1: number; readonly epoch: number; readonly validation: boolean } | null;
  /** Spent on training, in seconds. */
  readonly seconds: number;
  readonly imagesPerSecond: number | null;
}

/** The parts that change with every step. */
export interface Progressing {
  readonly headline: Headline;
  readonly curves: Curves;
  readonly time: TimeSpent;
  readonly activity: Activity | null;
}

/** The sections that can be empty, each with a reason for people. */
export type Section = 'results' | 'confusion' | 'mistakes' | 'heatMaps' | 'crops' | 'filters';

export interface ReportData extends Progressing {
  readonly kind: 'run';
  readonly name: string;
  /** One line on what the run is. */
  readonly summary: string;
  /** When this was made, ISO 8601. */
  readonly made: string;
  readonly classes: number;
  /** How many guesses the top-5 error allows. */
  readonly k: number;
  readonly results: readonly ResultRow[];
  readonly confusion: Confusion | null;
  readonly mistakes: readonly Mistake[];
  readonly heatMaps: readonly HeatMap[];
  readonly crops: readonly LabelledPicture[];
  readonly filters: Picture | null;
  readonly facts: readonly Facts[];
  readonly missing: Readonly<Partial<Record<Section, string>>>;
}

/** The report of the paper's study: its tables, and where each net's own report is. */
export interface StudyData {
  readonly kind: 'study';
  readonly name: string;
  readonly summary: string;
  readonly made: string;
  readonly tables: readonly PrintedTable[];
  readonly notes: readonly string[];
  /** Addresses relative to the file. */
  readonly runs: readonly { readonly name: string; readonly href: string }[];
  readonly facts: readonly Facts[];
}
