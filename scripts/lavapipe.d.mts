/** Returns what a process needs to find lavapipe in its environment, or why there is none, a clause. */
export function provideLavapipe(): { environment: Record<string, string>; reason?: undefined } | { reason: string };

/** Returns the path of a program that is this Node on a lavapipe with subgroup matrices, or why there is none, a clause. */
export function provideMatrixLavapipe(): { program: string; reason?: undefined } | { reason: string };
