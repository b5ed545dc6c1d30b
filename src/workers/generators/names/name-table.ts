// Worker threads.
import type { Generator } from "../generator.ts";

export const generateNames: Generator = () => undefined;
