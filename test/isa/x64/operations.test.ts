import { operationSuite } from '../operations.ts';

operationSuite('x86_64');
