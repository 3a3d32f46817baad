// Loaded into dynalite, which throws when a client is cut off in the middle of a request, and would end with it.
process.on("uncaughtException", (error) => {
  if (error.code === "ECONNRESET") return;
  console.error(error);
  process.exit(1);
});
