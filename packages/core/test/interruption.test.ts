import { afterEach, describe, expect, it, vi } from 'vitest';
import { listenForInterruption } from '../src/node';

afterEach(() => vi.restoreAllMocks());

describe('listenForInterruption', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGUSR2', 0],
  ] as const)('asks once to stop at %s, with its exit code', (name, code) => {
    const onFirst = vi.fn();
    const interruption = listenForInterruption(onFirst);
    expect([interruption.signal.aborted, interruption.exitCode]).toEqual([false, undefined]);
    process.emit(name, name);
    expect([interruption.signal.aborted, interruption.exitCode]).toEqual([true, code]);
    expect(onFirst).toHaveBeenCalledOnce();
    interruption.end();
  });

  it('ends the process at a second signal', () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
    const interruption = listenForInterruption(() => {});
    process.emit('SIGINT', 'SIGINT');
    expect(exit).not.toHaveBeenCalled();
    process.emit('SIGTERM', 'SIGTERM');
    expect(exit).toHaveBeenCalledWith(143);
    interruption.end();
  });

  it('leaves no listener', () => {
    const before = process.listenerCount('SIGINT');
    listenForInterruption(() => {}).end();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
