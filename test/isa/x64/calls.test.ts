import { callSuite } from '../calls.ts';

callSuite('x86_64');
