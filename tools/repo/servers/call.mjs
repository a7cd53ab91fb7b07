/** Calls the handler of the module that is named, and prints its answer. */
const { handler } = await import(process.argv[2]);
console.log(await handler());
process.exit();
