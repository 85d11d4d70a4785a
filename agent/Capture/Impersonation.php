<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use MagentoEventBridge\Agent\ResettableInterface;

/**
 * The admin user who is about to log in as a customer: Magento puts the ID into the session after the login.
 */
class Impersonation implements ResettableInterface
{
    /**
     * @var int
     */
    private $customerId = 0;

    /**
     * @var int
     */
    private $adminId = 0;

    /**
     * Remembers who logs in as whom in this request.
     */
    public function begin(int $customerId, int $adminId): void
    {
        $this->customerId = $customerId;
        $this->adminId = $adminId;
    }

    /**
     * Returns the ID of the admin user who logs in as the customer; null if nobody does.
     */
    public function of(int $customerId): ?int
    {
        return $customerId !== 0 && $customerId === $this->customerId ? $this->adminId : null;
    }

    /**
     * @inheritdoc
     */
    public function _resetState(): void
    {
        $this->begin(0, 0);
    }
}
