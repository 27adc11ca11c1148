import { randomModuleSuite } from './random_modules.ts';

randomModuleSuite(0, 500);
