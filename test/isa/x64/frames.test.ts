import { frameSuite } from '../frames.ts';

frameSuite('x86_64');
