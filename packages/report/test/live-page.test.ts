/** The live page in its own thread, from the build. */
import { describe, expect, it } from 'vitest';
import { LivePage } from '../src/live/live-page';
import { fullReport } from './report-data';

describe('the live page', () => {
  it('serves the last report, sends progress, and ends', async () => {
    const page = await LivePage.start();
    const data = await fullReport();
    page.report({ ...data, name: 'run 7' });
    const response = await fetch(`${page.url}events`);
    const events = response.text();
    const { headline, curves, time } = data;
    page.progress(() => ({ headline: { ...headline, epoch: 77 }, curves, time, activity: null }));
    await page.close('The run has ended.');
    expect(await events).toMatch(/^event: report\ndata: .*run 7/);
    expect(await events).toMatch(/^event: progress\ndata: .*"epoch":77/m);
    expect(await events).toContain('event: end\ndata: "The run has ended."');
  });

  it('rejects a port that is taken', async () => {
    const page = await LivePage.start();
    const port = Number(new URL(page.url).port);
    await expect(LivePage.start(port)).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
      message: expect.stringContaining(`port ${port}: another program uses it`),
    });
    await page.close('');
  });
});
