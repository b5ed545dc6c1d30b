// Worker threads.
import type { Generator } from "../generator.ts";

export const generateEndpoints: Generator = () => undefined;
