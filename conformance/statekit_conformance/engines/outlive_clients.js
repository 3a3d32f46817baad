// dynalite throws, and so ends, when a client is killed in the middle of a request. DynamoDB does not.
"use strict";
process.on("uncaughtException", (error) => {
  if (error.code === "ECONNRESET") return;
  console.error(error);
  process.exit(1);
});
