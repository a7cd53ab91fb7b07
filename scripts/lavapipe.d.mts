/** Returns what a process needs to find lavapipe in its environment, or why there is none, a clause. */
export function provideLavapipe(): { environment: Record<string, string>; reason?: undefined } | { reason: string };
