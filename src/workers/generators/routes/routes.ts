// Worker threads.
import type { Generator } from "../generator.ts";

export const generateRoutes: Generator = () => undefined;
