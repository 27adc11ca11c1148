import { randomSuite } from '../random.ts';

randomSuite('aarch64');
