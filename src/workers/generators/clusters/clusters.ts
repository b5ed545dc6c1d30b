// Worker threads.
import type { Generator } from "../generator.ts";

export const generateClusters: Generator = () => undefined;
