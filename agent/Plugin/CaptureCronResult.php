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
    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var CronRun
     */
    private $cronRun;

    public function __construct(Fence $fence, CronRun $cronRun)
    {
        $this->fence = $fence;
        $this->cronRun = $cronRun;
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
        $this->fence->run('cron_schedule.save', function () use ($schedule): void {
            $this->cronRun->saved($schedule);
        });

        return $result;
    }
}
