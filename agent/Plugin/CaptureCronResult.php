<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Cron\Model\Schedule;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Watcher\CronRun;

/**
 * Captures how a cron job ended: Magento has no event for it, only the saved schedule.
 */
class CaptureCronResult
{
    private const NAME = 'cron_schedule.save';

    /**
     * @var Gate
     */
    private $gate;

    /**
     * @var array[]
     */
    private $running = [];

    /**
     * @param Gate $gate
     */
    public function __construct(Gate $gate)
    {
        $this->gate = $gate;
    }

    /**
     * Notes the runs of the job that are marked as running: Magento is about to give them up, as they were killed.
     *
     * @param Schedule $schedule
     * @return void
     */
    public function beforeTryLockJob(Schedule $schedule): void
    {
        $this->gate->run(self::NAME, CronRun::class, function (CronRun $cronRun) use ($schedule): void {
            $this->running = $cronRun->running([(string)$schedule->getJobCode()]);
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
        $this->gate->run(self::NAME, CronRun::class, function (CronRun $cronRun): void {
            $cronRun->restarted($this->running);
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
        $this->gate->run(self::NAME, CronRun::class, function (CronRun $cronRun) use ($schedule): void {
            $cronRun->saved($schedule);
        });

        return $result;
    }
}
