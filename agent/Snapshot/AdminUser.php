<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Backend\Model\Auth\Session;
use Magento\Framework\DataObject;

/**
 * The admin user who logs in, or who is logged in and about to log out.
 */
class AdminUser implements SnapshotInterface
{
    /**
     * @var Session
     */
    private $session;

    /**
     * @param Session $session
     */
    public function __construct(Session $session)
    {
        $this->session = $session;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return null;
    }

    /**
     * @inheritdoc
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        $user = $object->getData('user') ?: $this->session->getUser();
        if (!$user || !$user->getId()) {
            return null;
        }

        return new Snapshot('user/' . $user->getUserName(), [
            'user_id' => $user->getId(),
            'username' => $user->getUserName(),
            'email' => $user->getEmail(),
        ]);
    }
}
