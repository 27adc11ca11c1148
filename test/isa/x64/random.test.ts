import { randomSuite } from '../random.ts';

randomSuite('x86_64');
