import { randomModuleSuite } from './random_modules.ts';

randomModuleSuite(500, 1000);
