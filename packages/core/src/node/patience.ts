/** How long a download waits, and how often it tries. */

/** Requests made for one file before giving up. */
export const ATTEMPTS = 6;

/** Before the second request, in milliseconds; doubled for each after it: 7.75 s in all. */
export const FIRST_WAIT_MS = 250;

/** A connection that brings nothing for so many milliseconds is given up. */
export const STALL_MS = 30_000;
