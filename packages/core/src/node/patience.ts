/** Waiting times and number of attempts of a download. */

/** Number of requests for one file before the download fails. */
export const ATTEMPTS = 6;

/** Wait before the second request, in milliseconds. It doubles before each later one: 7.75 s in total. */
export const FIRST_WAIT_MS = 250;

/** Milliseconds without data after which a connection is closed. */
export const STALL_MS = 30_000;
