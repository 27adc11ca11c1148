import { callSuite } from '../calls.ts';

callSuite('aarch64');
