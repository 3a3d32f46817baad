/* The page's scripts, put together. Without them, everything but uploads works as plain pages. */

import { offerUploads } from "./uploads.js";
import { followLinks, whenShown } from "./visits.js";
import { watchPrints } from "./prints.js";

followLinks();
whenShown(() => {
  offerUploads();
  watchPrints();
});
