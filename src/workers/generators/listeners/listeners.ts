// Worker threads.
import type { Generator } from "../generator.ts";

export const generateListeners: Generator = () => undefined;
