<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Cron\Model\Schedule;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Watcher\CronRun;

/**
 * Captures how a cron job ended: Magento has no event for it, only the saved schedule.
 */
class CaptureCronResult
{
    private const NAME = 'cron_schedule.save';

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var CronRun
     */
    private $cronRun;

    /**
     * @var array[]
     */
    private $running = [];

    /**
     * @param Fence $fence
     * @param CronRun $cronRun
     */
    public function __construct(Fence $fence, CronRun $cronRun)
    {
        $this->fence = $fence;
        $this->cronRun = $cronRun;
    }

    /**
     * Notes the runs of the job that are marked as running: Magento is about to give them up, as they were killed.
     *
     * @param Schedule $schedule
     * @return void
     */
    public function beforeTryLockJob(Schedule $schedule): void
    {
        $this->fence->run(self::NAME, function () use ($schedule): void {
            $this->running = $this->cronRun->running([(string)$schedule->getJobCode()]);
        });
    }

    /**
     * Captures the runs that Magento has given up.
     *
     * @param Schedule $schedule
     * @param bool $result
     * @return bool
     */
    public function afterTryLockJob(Schedule $schedule, $result)
    {
        $this->fence->run(self::NAME, function (): void {
            $this->cronRun->givenUp($this->running);
        });
        $this->running = [];

        return $result;
    }

    /**
     * Handles a saved schedule.
     *
     * @param Schedule $schedule
     * @param mixed $result
     * @return mixed
     */
    public function afterSave(Schedule $schedule, $result)
    {
        $this->fence->run(self::NAME, function () use ($schedule): void {
            $this->cronRun->saved($schedule);
        });

        return $result;
    }
}
