export const FORMATS: Readonly<Record<string, object>>;
